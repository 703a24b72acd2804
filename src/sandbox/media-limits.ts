/** The measurements of a media file: bytes, pixels, seconds, frames per second. */
export type Media = { format: string; sizeBytes: number } & (
  | { kind: 'Image'; width: number; height: number }
  | { kind: 'Video'; width: number; height: number; durationS: number; fps: number }
  | { kind: 'Audio'; durationS: number }
)
/** The type of a file. The names are those of `asset_type` (upstream-api 2.2). */
export type MediaKind = Media['kind']

/** A file that the provider would reject. `code` is a reason of upstream-api 5.5. */
export class MediaError extends Error {
  override readonly name = 'MediaError'
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const MB = 1024 * 1024

/**
 * The limits of the model host (upstream-api 6). `min` and `max` are allowed values, `above` and
 * `below` are not.
 */
export const LIMITS = {
  Image: {
    formats: ['jpeg', 'png', 'webp', 'bmp', 'tiff', 'gif', 'heif'],
    sizeBytes: { below: 30 * MB },
    sidePx: { above: 300, below: 6000 },
    aspect: { above: 0.4, below: 2.5 },
  },
  Video: {
    formats: ['mp4', 'mov'],
    sizeBytes: { max: 200 * MB },
    sidePx: { min: 300, max: 6000 },
    aspect: { min: 0.4, max: 2.5 },
    pixels: { min: 407_696, max: 8_295_044 },
    durationS: { min: 2, max: 15 },
    fps: { min: 24, max: 60 },
  },
  Audio: {
    formats: ['wav', 'mp3'],
    sizeBytes: { max: 15 * MB },
    durationS: { min: 2, max: 30 },
  },
} as const

/** Throws a MediaError with the first reason why this file cannot be an asset of this type. */
export function assertWithinLimits(media: Media, expected: MediaKind): void {
  if (media.kind !== expected) {
    throw new MediaError('TypeMismatch', `expected ${expected}, the file is ${media.kind}`)
  }
  const formats: readonly string[] = LIMITS[media.kind].formats
  if (!formats.includes(media.format)) {
    throw new MediaError('FormatUnsupported', `${media.format} is not one of ${formats.join(', ')}`)
  }
  assertWithin('FileSize', media.sizeBytes, LIMITS[media.kind].sizeBytes, ['TooSmall', 'TooLarge'])
  if (media.kind !== 'Audio') {
    const { sidePx, aspect } = LIMITS[media.kind]
    assertWithin('Width', media.width, sidePx, ['TooSmall', 'TooLarge'])
    assertWithin('Height', media.height, sidePx, ['TooSmall', 'TooLarge'])
    assertWithin('AspectRatio', media.width / media.height, aspect, ['TooSmall', 'TooLarge'])
  }
  if (media.kind === 'Video') {
    const { pixels, fps } = LIMITS.Video
    assertWithin('PixelCount', media.width * media.height, pixels, ['TooSmall', 'TooLarge'])
    assertWithin('Fps', rounded(media.fps, 100), fps, ['TooLow', 'TooHigh'])
  }
  if (media.kind !== 'Image') {
    const { durationS } = LIMITS[media.kind]
    // Encoders add padding: a clip of 15 s often measures 15.02 s.
    assertWithin('Duration', rounded(media.durationS, 10), durationS, ['TooShort', 'TooLong'])
  }
}

interface Bounds {
  min?: number
  max?: number
  above?: number
  below?: number
}

function assertWithin(
  what: string,
  value: number,
  { min, max, above, below }: Bounds,
  [less, more]: [string, string],
): void {
  if ((min !== undefined && value < min) || (above !== undefined && value <= above)) {
    throw new MediaError(
      what + less,
      `${value} must be ${above ? 'above' : 'at least'} ${above ?? min}`,
    )
  }
  if ((max !== undefined && value > max) || (below !== undefined && value >= below)) {
    throw new MediaError(
      what + more,
      `${value} must be ${below ? 'below' : 'at most'} ${below ?? max}`,
    )
  }
}

function rounded(value: number, steps: number): number {
  return Math.round(value * steps) / steps
}
