import sharp from 'sharp'
import type { Size } from './geometry.ts'
import { fromRgb, type Overlay } from './picture.ts'

const MAX_LENGTH = 110
// Never assigned to a character, so what is drawn for it is the sign for a missing glyph. Boxes with
// the six-digit numbers of the higher planes are wider than those with four.
const MISSING = ['\u0378', '\u{10fffd}']

/** The prompt in white on a shade at the foot of the frame; null where no font can write it. */
export async function createCaption(prompt: string, frame: Size): Promise<Overlay | null> {
  const text = await writable(shorten(prompt))
  if (text === null) return null
  const margin = Math.round(frame.width * 0.06)
  const size = Math.round(Math.min(frame.width, frame.height) / 22)
  const lettering = await sharp({
    text: {
      text: `<span foreground="white" font_weight="500">${escapeMarkup(text)}</span>`,
      font: `sans ${size}`,
      dpi: 72,
      width: frame.width - 2 * margin,
      align: 'centre',
      rgba: true,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true })
  const height = Math.min(frame.height, Math.ceil((lettering.info.height + size * 3.2) / 2) * 2)
  const { data } = await sharp(Buffer.from(shade(frame.width, height)))
    .composite([
      {
        input: lettering.data,
        left: Math.round((frame.width - lettering.info.width) / 2),
        top: Math.max(0, Math.round(height - lettering.info.height - size * 1.2)),
      },
    ])
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const strip = { width: frame.width, height }
  return { picture: fromRgb(data, strip, 4, frame.height), opacity: opacityOf(data, strip) }
}

function shorten(prompt: string): string {
  const text = prompt.replace(/\s+/g, ' ').trim()
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH).trimEnd()}…` : text
}

/** The text without the characters no font has; null when little would be left of it. */
async function writable(text: string): Promise<string | null> {
  const boxes = await Promise.all(MISSING.map(drawGlyph))
  const letters = [...new Set(text)].filter((letter) => /[^\s\p{M}\p{Cf}]/u.test(letter))
  const missing = new Set<string>()
  for (const letter of letters) {
    const glyph = await drawGlyph(letter)
    if (boxes.some((box) => hasSameOutline(glyph, box))) missing.add(letter)
  }
  const kept = [...text].filter((letter) => !missing.has(letter)).join('')
  return letters.length > 2 * missing.size ? kept : null
}

interface Glyph extends Size {
  opacity: Buffer
}

async function drawGlyph(letter: string): Promise<Glyph> {
  const { data, info } = await sharp({
    text: { text: escapeMarkup(letter), font: 'sans 24', dpi: 72, rgba: true },
  })
    .extractChannel('alpha')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { opacity: data, width: info.width, height: info.height }
}

/** A missing glyph is a box of one size, whatever number is written in it. */
function hasSameOutline(one: Glyph, other: Glyph): boolean {
  const { width, height } = one
  if (width !== other.width || height !== other.height) return false
  const same = (at: number) => one.opacity[at] === other.opacity[at]
  for (let x = 0; x < width; x += 1) if (!same(x) || !same((height - 1) * width + x)) return false
  for (let y = 0; y < height; y += 1)
    if (!same(y * width) || !same((y + 1) * width - 1)) return false
  return true
}

function shade(width: number, height: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <linearGradient id="s" x2="0" y2="1">
      <stop offset="0" stop-opacity="0"/><stop offset="1" stop-opacity="0.62"/>
    </linearGradient>
    <rect width="100%" height="100%" fill="url(#s)"/>
  </svg>`
}

function opacityOf(rgba: Uint8Array, size: Size): Overlay['opacity'] {
  const { width, height } = size
  const y = Uint8Array.from({ length: width * height }, (_, at) => rgba[at * 4 + 3] as number)
  const half = Uint8Array.from({ length: y.length / 4 }, (_, at) => {
    const row = Math.floor((at * 2) / width)
    return y[row * 2 * width + ((at * 2) % width)] as number
  })
  return { width, height, y, u: half, v: half }
}

function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
