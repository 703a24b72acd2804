/** Width and height in pixels. */
export interface Size {
  width: number
  height: number
}

/**
 * The part of an image that a frame shows. `x` and `y` are the offset of its upper left corner and
 * `scale` is its size, all as fractions (0 to 1) of the image's width and height.
 */
export interface View {
  x: number
  y: number
  scale: number
}

const ADAPTIVE_BOUNDS = { min: 9 / 21, max: 21 / 9 }

/**
 * Returns the size of a clip's frames; both sides are even, as the encoder needs.
 *
 * `quality` is the length of the shorter side in pixels (720 when it is not a number). The ratio
 * `adaptive` takes the aspect ratio of `image`, limited to 9:21 and 21:9. Without an image, and for
 * an invalid ratio, it is 16:9.
 */
export function frameSize(quality: string, ratio: string, image: Size | null): Size {
  const shorter = Number(quality) || 720
  const aspect = ratio === 'adaptive' ? adaptiveAspect(image) : aspectOf(ratio)
  return aspect >= 1
    ? { width: even(shorter * aspect), height: shorter }
    : { width: shorter, height: even(shorter / aspect) }
}

/**
 * Returns the view of a slow zoom in, for a progress of 0 to 1: from the whole image to 87 % of it.
 */
export function zoomIn(progress: number): View {
  const scale = 1 - 0.13 * smooth(progress)
  return { x: (1 - scale) * 0.68, y: (1 - scale) * 0.42, scale }
}

/** Returns the view of a slow zoom out, for a progress of 0 to 1: from 92 % to the whole image. */
export function zoomOut(progress: number): View {
  const scale = 0.92 + 0.08 * smooth(progress)
  return { x: (1 - scale) * 0.4, y: (1 - scale) * 0.5, scale }
}

/** Returns the opacity (0 to 1) of the last frame: 0 until 55 % of the clip, 1 from 90 % on. */
export function fadeAmount(progress: number): number {
  return smooth((progress - 0.55) / 0.35)
}

function adaptiveAspect(image: Size | null): number {
  const aspect = image ? image.width / image.height : 16 / 9
  return Math.min(ADAPTIVE_BOUNDS.max, Math.max(ADAPTIVE_BOUNDS.min, aspect))
}

function aspectOf(ratio: string): number {
  const [width, height] = ratio.split(':').map(Number)
  return width && height ? width / height : 16 / 9
}

function even(value: number): number {
  return Math.round(value / 2) * 2
}

/** The smoothstep function: starts and ends slowly. Values outside 0 to 1 are clamped. */
function smooth(value: number): number {
  const t = Math.min(1, Math.max(0, value))
  return t * t * (3 - 2 * t)
}
