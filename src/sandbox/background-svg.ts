import { createHash } from 'node:crypto'
import type { Size } from './geometry.ts'

/**
 * Returns an SVG of colour gradients, for clips without an input image. `size` is in pixels.
 *
 * The colours are derived from a hash of `seed`: the same prompt gives the same image, and
 * different prompts give different ones.
 */
export function createBackgroundSvg(seed: string, { width, height }: Size): string {
  const bytes = createHash('sha256').update(seed).digest()
  const pick = (at: number, from: number, to: number) =>
    from + ((bytes[at] as number) / 255) * (to - from)
  const hue = pick(0, 0, 360)
  const colour = (hueShift: number, saturation: number, lightness: number) =>
    `hsl(${Math.round(hue + hueShift) % 360}, ${saturation}%, ${lightness}%)`
  const circles = [0, 1, 2, 3].map((index) => {
    const [x, y] = [pick(1 + index, 5, 95), pick(5 + index, 15, 85)]
    const radius = pick(9 + index, 28, 46)
    return `<circle cx="${x}%" cy="${y}%" r="${radius}%" fill="url(#circle${index % 2})"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="background" x2="0.35" y2="1">
        <stop offset="0" stop-color="${colour(0, 58, 22)}"/>
        <stop offset="0.55" stop-color="${colour(38, 55, 42)}"/>
        <stop offset="1" stop-color="${colour(75, 72, 68)}"/>
      </linearGradient>
      <radialGradient id="circle0">
        <stop offset="0" stop-color="${colour(95, 90, 76)}" stop-opacity="0.75"/>
        <stop offset="1" stop-color="${colour(95, 90, 76)}" stop-opacity="0"/>
      </radialGradient>
      <radialGradient id="circle1">
        <stop offset="0" stop-color="${colour(-35, 75, 55)}" stop-opacity="0.7"/>
        <stop offset="1" stop-color="${colour(-35, 75, 55)}" stop-opacity="0"/>
      </radialGradient>
    </defs>
    <rect width="100%" height="100%" fill="url(#background)"/>
    ${circles.join('\n    ')}
  </svg>`
}
