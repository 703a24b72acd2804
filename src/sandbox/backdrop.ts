import { createHash } from 'node:crypto'
import type { Size } from './geometry.ts'

/** A soft evening sky as SVG; its colours follow from the text, so that two prompts differ. */
export function backdrop(seed: string, { width, height }: Size): string {
  const bytes = createHash('sha256').update(seed).digest()
  const pick = (at: number, from: number, to: number) =>
    from + ((bytes[at] as number) / 255) * (to - from)
  const hue = pick(0, 0, 360)
  const colour = (turn: number, saturation: number, lightness: number) =>
    `hsl(${Math.round(hue + turn) % 360}, ${saturation}%, ${lightness}%)`
  const lights = [0, 1, 2, 3].map((light) => {
    const [x, y] = [pick(1 + light, 5, 95), pick(5 + light, 15, 85)]
    return `<circle cx="${x}%" cy="${y}%" r="${pick(9 + light, 28, 46)}%" fill="url(#l${light % 2})"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="sky" x2="0.35" y2="1">
        <stop offset="0" stop-color="${colour(0, 58, 22)}"/>
        <stop offset="0.55" stop-color="${colour(38, 55, 42)}"/>
        <stop offset="1" stop-color="${colour(75, 72, 68)}"/>
      </linearGradient>
      <radialGradient id="l0">
        <stop offset="0" stop-color="${colour(95, 90, 76)}" stop-opacity="0.75"/>
        <stop offset="1" stop-color="${colour(95, 90, 76)}" stop-opacity="0"/>
      </radialGradient>
      <radialGradient id="l1">
        <stop offset="0" stop-color="${colour(-35, 75, 55)}" stop-opacity="0.7"/>
        <stop offset="1" stop-color="${colour(-35, 75, 55)}" stop-opacity="0"/>
      </radialGradient>
    </defs>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    ${lights.join('\n    ')}
  </svg>`
}
