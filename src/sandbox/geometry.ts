export interface Size {
  width: number
  height: number
}

/** The part of a picture that a camera sees, in fractions of it. */
export interface View {
  x: number
  y: number
  scale: number
}

const ADAPTIVE_BOUNDS = { min: 9 / 21, max: 21 / 9 }

/** Frame size in even pixels; `quality` counts the shorter side. */
export function frameSize(quality: string, ratio: string, picture: Size | null): Size {
  const shorter = Number(quality) || 720
  const aspect = ratio === 'adaptive' ? adaptiveAspect(picture) : aspectOf(ratio)
  return aspect >= 1
    ? { width: even(shorter * aspect), height: shorter }
    : { width: shorter, height: even(shorter / aspect) }
}

/** A slow push in, drifting a little to one side; `progress` runs from 0 to 1. */
export function pushIn(progress: number): View {
  const scale = 1 - 0.13 * smooth(progress)
  return { x: (1 - scale) * 0.68, y: (1 - scale) * 0.42, scale }
}

/** The way back: ends with the whole picture in view. */
export function pullOut(progress: number): View {
  const scale = 0.92 + 0.08 * smooth(progress)
  return { x: (1 - scale) * 0.4, y: (1 - scale) * 0.5, scale }
}

/** How much of the last frame shows: none until 55 %, all from 90 % of the clip on. */
export function fadeAmount(progress: number): number {
  return smooth((progress - 0.55) / 0.35)
}

function adaptiveAspect(picture: Size | null): number {
  const aspect = picture ? picture.width / picture.height : 16 / 9
  return Math.min(ADAPTIVE_BOUNDS.max, Math.max(ADAPTIVE_BOUNDS.min, aspect))
}

function aspectOf(ratio: string): number {
  const [width, height] = ratio.split(':').map(Number)
  return width && height ? width / height : 16 / 9
}

function even(value: number): number {
  return Math.round(value / 2) * 2
}

function smooth(value: number): number {
  const t = Math.min(1, Math.max(0, value))
  return t * t * (3 - 2 * t)
}
