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
import { createBackgroundSvg } from './background-svg.ts'
import { createCaption } from './caption.ts'
import { fadeAmount, frameSize, type Size, zoomIn, zoomOut } from './geometry.ts'
import { findDecodableImage, PIXEL_LIMIT } from './probe.ts'
import {
  blend,
  bytesOf,
  createYuvImage,
  drawOverlay,
  drawView,
  type YuvImage,
  yuvFromRgb,
} from './yuv-image.ts'

const FPS = 24
/**
 * Size of the canvas relative to the frame. The closest view shows 87 % of the canvas, which at
 * 1.15 still has one canvas pixel for each frame pixel.
 */
const CANVAS_SCALE = 1.15

/** The content and format of a clip. */
export interface RenderOptions {
  /** Path of the image at the start; null for a generated background. */
  first: string | null
  /** Path of the image to fade to; null for none. */
  last: string | null
  caption: string
  /** Shorter side in pixels, e.g. `720`. */
  quality: string
  /** E.g. `16:9`, or `adaptive` for the aspect ratio of `first`. */
  ratio: string
  durationS: number
  /** Path of the MP4 file to write. */
  output: string
}

/**
 * Writes a clip as MP4: H.264, 24 frames per second, no sound, and the index (`moov`) first, so
 * that players can start before the download is complete.
 *
 * The file appears at `output` when it is complete. Throws the reason of `signal` when it aborts,
 * and the errors of sharp and the file system.
 */
export async function render(options: RenderOptions, signal: AbortSignal): Promise<void> {
  const first = await findDecodableImage(options.first)
  const last = await findDecodableImage(options.last)
  const frame = frameSize(options.quality, options.ratio, first)
  const start = await drawCanvas(first?.path ?? null, options.caption, frame)
  const end = last && (await drawCanvas(last.path, options.caption, frame))
  const caption = await createCaption(options.caption, frame)

  const target = createYuvImage(frame)
  const second = createYuvImage(frame)
  const encoded = await encode(frame, options.durationS * FPS, signal, (progress) => {
    drawView(start, zoomIn(progress), target)
    const amount = end ? fadeAmount(progress) : 0
    if (end && amount > 0) {
      drawView(end, zoomOut(progress), second)
      blend(target, second, amount)
    }
    if (caption) drawOverlay(target, caption)
    return bytesOf(target)
  })

  const partialPath = `${options.output}.part`
  await writeFile(partialPath, await moveIndexToFront(encoded))
  await rename(partialPath, options.output)
}

/** The image, or the generated background for no path, cropped to the aspect ratio of the frame. */
async function drawCanvas(path: string | null, seed: string, frame: Size): Promise<YuvImage> {
  const even = (side: number) => Math.round((side * CANVAS_SCALE) / 2) * 2
  const canvas = { width: even(frame.width), height: even(frame.height) }
  const source = path
    ? sharp(path, { limitInputPixels: PIXEL_LIMIT, failOn: 'error' }).autoOrient()
    : sharp(Buffer.from(createBackgroundSvg(seed, canvas)))
  const data = await source
    .resize({ ...canvas, fit: 'cover' })
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer()
  return yuvFromRgb(data, canvas, 3, frame.height)
}

/** Encodes the frames that `draw` returns for a progress of 0 to 1. */
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
        // Yield to the event loop, so that probes can run during a render.
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
