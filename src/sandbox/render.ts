import { rename, writeFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import h264 from 'h264-mp4-encoder'
import {
  BufferSource,
  BufferTarget,
  Conversion,
  Input,
  MP4,
  Mp4OutputFormat,
  Output,
} from 'mediabunny'
import sharp from 'sharp'
import { backdrop } from './backdrop.ts'
import { createCaption } from './caption.ts'
import { fadeAmount, frameSize, pullOut, pushIn, type Size } from './geometry.ts'
import {
  blend,
  bytesOf,
  createPicture,
  drawOverlay,
  drawView,
  fromRgb,
  type Picture,
} from './picture.ts'
import { decodable, PIXEL_LIMIT } from './probe.ts'

const FPS = 24
// Larger than the frame, so that the closest view still has a pixel for every pixel.
const CANVAS_SCALE = 1.15

export interface RenderOrder {
  /** Paths of pictures. */
  first: string | null
  last: string | null
  caption: string
  quality: string
  ratio: string
  durationS: number
  output: string
}

/** Writes a clip as MP4 (H.264, 24 fps, no sound) with its index in front, so that it plays while it loads. */
export async function render(order: RenderOrder, signal: AbortSignal): Promise<void> {
  const first = await decodable(order.first)
  const last = await decodable(order.last)
  const frame = frameSize(order.quality, order.ratio, first)
  const start = await paint(first?.path ?? null, order.caption, frame)
  const end = last && (await paint(last.path, order.caption, frame))
  const caption = await createCaption(order.caption, frame)

  const target = createPicture(frame)
  const second = createPicture(frame)
  const encoded = await encode(frame, order.durationS * FPS, signal, (progress) => {
    drawView(start, pushIn(progress), target)
    const amount = end ? fadeAmount(progress) : 0
    if (end && amount > 0) {
      drawView(end, pullOut(progress), second)
      blend(target, second, amount)
    }
    if (caption) drawOverlay(target, caption)
    return bytesOf(target)
  })

  const part = `${order.output}.part`
  await writeFile(part, await moveIndexToFront(encoded))
  await rename(part, order.output)
}

async function paint(path: string | null, seed: string, frame: Size): Promise<Picture> {
  const even = (side: number) => Math.round((side * CANVAS_SCALE) / 2) * 2
  const canvas = { width: even(frame.width), height: even(frame.height) }
  const source = path
    ? sharp(path, { limitInputPixels: PIXEL_LIMIT, failOn: 'error' }).autoOrient()
    : sharp(Buffer.from(backdrop(seed, canvas)))
  const data = await source
    .resize({ ...canvas, fit: 'cover' })
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer()
  return fromRgb(data, canvas, 3, frame.height)
}

async function encode(
  frame: Size,
  frames: number,
  signal: AbortSignal,
  draw: (progress: number) => Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = await h264.createH264MP4Encoder()
  try {
    Object.assign(encoder, frame, {
      frameRate: FPS,
      groupOfPictures: FPS * 2,
      quantizationParameter: 24,
      speed: 8,
    })
    encoder.initialize()
    try {
      for (let at = 0; at < frames; at += 1) {
        encoder.addFrameYuv(draw(at / (frames - 1)))
        // Lets the probes asked for meanwhile have their turn.
        await setImmediate()
        signal.throwIfAborted()
      }
    } finally {
      encoder.finalize()
    }
    return encoder.FS.readFile(encoder.outputFilename) as Uint8Array<ArrayBuffer>
  } finally {
    encoder.delete()
  }
}

async function moveIndexToFront(mp4: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const input = new Input({ source: new BufferSource(mp4), formats: [MP4] })
  const target = new BufferTarget()
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'in-memory' }), target })
  const conversion = await Conversion.init({ input, output, showWarnings: false })
  await conversion.execute()
  return new Uint8Array(target.buffer as ArrayBuffer)
}
