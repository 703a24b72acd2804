import { open, stat } from 'node:fs/promises'
import {
  ADTS,
  FilePathSource,
  FLAC,
  Input,
  MATROSKA,
  MP3,
  MP4,
  OGG,
  QTFF,
  WAVE,
  WEBM,
} from 'mediabunny'
import sharp, { type Metadata } from 'sharp'
import type { Size } from './geometry.ts'
import { LIMITS, type Media, MediaError } from './media-limits.ts'

/** The most pixels that an image within the limits can have. Larger images are not decoded. */
export const PIXEL_LIMIT = LIMITS.Image.sidePx.below ** 2

const FORMATS = new Map([
  [MP4, 'mp4'],
  [QTFF, 'mov'],
  [WAVE, 'wav'],
  [MP3, 'mp3'],
  [WEBM, 'webm'],
  [MATROSKA, 'mkv'],
  [OGG, 'ogg'],
  [FLAC, 'flac'],
  [ADTS, 'aac'],
])

/**
 * Detects the type of a file from its bytes and measures it. Throws a MediaError with the code
 * FormatUndetectable for an unknown type and FormatUnsupported for a damaged file.
 */
export async function probe(path: string): Promise<Media> {
  const { size } = await stat(path)
  const media =
    (await probeImage(path, size)) ??
    (await probeBitmap(path, size)) ??
    (await probeVideoOrAudio(path, size))
  if (!media) throw new MediaError('FormatUndetectable', 'neither image, video nor audio')
  return media
}

/**
 * Returns the path and size of an image; the size is in pixels, after EXIF rotation. Returns null
 * for no path and for a file that sharp cannot decode, such as BMP and HEIC.
 */
export async function findDecodableImage(
  path: string | null,
): Promise<(Size & { path: string }) | null> {
  const image = path && (await readMetadata(path))
  return image && canDecode(image) ? { path, ...image.autoOrient } : null
}

async function probeImage(path: string, sizeBytes: number): Promise<Media | null> {
  const image = await readMetadata(path)
  if (!image) return null
  const { width, height } = image.autoOrient
  if (canDecode(image) && width * height <= PIXEL_LIMIT) await assertDecodes(path)
  const format = image.format === 'heif' && image.compression === 'av1' ? 'avif' : image.format
  return { kind: 'Image', format, sizeBytes, width, height }
}

async function readMetadata(path: string): Promise<Metadata | null> {
  return await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch(() => null)
}

/** The prebuilt sharp reads the header of HEIC (HEVC) but has no decoder for it. */
function canDecode(image: Metadata): boolean {
  return image.compression !== 'hevc'
}

async function assertDecodes(path: string): Promise<void> {
  try {
    await sharp(path, { limitInputPixels: PIXEL_LIMIT, failOn: 'error' })
      .resize(16)
      .raw()
      .toBuffer()
  } catch (error) {
    throw new MediaError('FormatUnsupported', 'the picture cannot be decoded', { cause: error })
  }
}

/** Measures a BMP, which sharp cannot read: width and height are at fixed offsets in its header. */
async function probeBitmap(path: string, sizeBytes: number): Promise<Media | null> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(26), 0, 26, 0)
    if (bytesRead < 26 || buffer.toString('latin1', 0, 2) !== 'BM') return null
    const [width, height] = [buffer.readInt32LE(18), Math.abs(buffer.readInt32LE(22))]
    return { kind: 'Image', format: 'bmp', sizeBytes, width, height }
  } finally {
    await file.close()
  }
}

async function probeVideoOrAudio(path: string, sizeBytes: number): Promise<Media | null> {
  using input = new Input({ source: new FilePathSource(path), formats: [...FORMATS.keys()] })
  const format = await input.getFormat().catch(() => null)
  if (!format) return null
  try {
    const file = { format: FORMATS.get(format) ?? format.name, sizeBytes }
    const durationS = await input.computeDuration()
    const track = await input.getPrimaryVideoTrack()
    if (!track) return { kind: 'Audio', ...file, durationS }
    const { displayWidth: width, displayHeight: height } = track
    const { averagePacketRate: fps } = await track.computePacketStats()
    return { kind: 'Video', ...file, width, height, durationS, fps }
  } catch (error) {
    throw new MediaError('FormatUnsupported', 'the file is damaged', { cause: error })
  }
}
