import { expect, test } from 'vitest'
import { assertWithinLimits, type Media, type MediaKind } from '../src/sandbox/media-limits.ts'

const MB = 1024 * 1024
const image = { kind: 'Image', format: 'png', sizeBytes: MB, width: 1000, height: 1000 } as const
const video = {
  kind: 'Video',
  format: 'mp4',
  sizeBytes: MB,
  width: 1280,
  height: 720,
  durationS: 5,
  fps: 24,
} as const
const audio = { kind: 'Audio', format: 'mp3', sizeBytes: MB, durationS: 5 } as const

const outcomes: Array<[string | null, Media, MediaKind?]> = [
  [null, image],
  [null, { ...image, width: 301, height: 301 }],
  [null, { ...image, width: 5999, height: 5999 }],
  [null, { ...image, format: 'heif' }],
  ['FormatUnsupported', { ...image, format: 'svg' }],
  ['FormatUnsupported', { ...image, format: 'avif' }],
  ['TypeMismatch', image, 'Video'],
  ['TypeMismatch', video, 'Image'],
  ['FileSizeTooLarge', { ...image, sizeBytes: 30 * MB }],
  ['WidthTooSmall', { ...image, width: 300 }],
  ['WidthTooLarge', { ...image, width: 6000 }],
  ['HeightTooSmall', { ...image, height: 300 }],
  ['HeightTooLarge', { ...image, height: 6000 }],
  ['AspectRatioTooSmall', { ...image, width: 400, height: 1000 }],
  ['AspectRatioTooLarge', { ...image, width: 1000, height: 400 }],
  [null, video],
  [null, { ...video, durationS: 15.02, fps: 23.999 }],
  [null, { ...video, width: 1020, height: 408, format: 'mov' }],
  ['FormatUnsupported', { ...video, format: 'webm' }],
  ['DurationTooShort', { ...video, durationS: 1.9 }],
  ['DurationTooLong', { ...video, durationS: 15.1 }],
  ['FpsTooLow', { ...video, fps: 23.976 }],
  ['FpsTooHigh', { ...video, fps: 61 }],
  ['PixelCountTooSmall', { ...video, width: 640, height: 480 }],
  ['PixelCountTooLarge', { ...video, width: 3840, height: 2162 }],
  ['WidthTooSmall', { ...video, width: 299 }],
  ['AspectRatioTooLarge', { ...video, width: 1900, height: 700 }],
  ['FileSizeTooLarge', { ...video, sizeBytes: 201 * MB }],
  [null, audio],
  ['FormatUnsupported', { ...audio, format: 'ogg' }],
  ['DurationTooShort', { ...audio, durationS: 1 }],
  ['DurationTooLong', { ...audio, durationS: 31 }],
  ['FileSizeTooLarge', { ...audio, sizeBytes: 16 * MB }],
]

test.each(outcomes)('the limits give %s for %j as %s', (code, media, expected = media.kind) => {
  const check = () => assertWithinLimits(media, expected)

  if (code === null) expect(check).not.toThrow()
  else expect(check).toThrow(expect.objectContaining({ code }))
})
