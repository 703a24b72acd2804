import sharp from 'sharp'
import type { Size } from './geometry.ts'
import { type Overlay, yuvFromRgb } from './yuv-image.ts'

const MAX_LENGTH = 110
// Unassigned code points: the text renderer draws its box for a missing glyph. The box of a code
// point above U+FFFF contains six hexadecimal digits and is wider than a box with four.
const UNASSIGNED_CHARACTERS = ['\u0378', '\u{10fffd}']

/**
 * Draws the prompt in white on a dark gradient, for the bottom edge of a frame of this size in
 * pixels. Returns null when the prompt is blank or the installed fonts lack at least half
 * of its characters. Longer prompts are cut after 110 characters.
 */
export async function createCaption(prompt: string, frame: Size): Promise<Overlay | null> {
  const text = await removeMissingCharacters(shorten(prompt))
  if (text === null) return null
  const margin = Math.round(frame.width * 0.06)
  const fontSize = Math.round(Math.min(frame.width, frame.height) / 22)
  const textImage = await sharp({
    text: {
      text: `<span foreground="white" font_weight="500">${escapeMarkup(text)}</span>`,
      font: `sans ${fontSize}`,
      dpi: 72,
      width: frame.width - 2 * margin,
      // A word can be longer than a line.
      wrap: 'word-char',
      align: 'centre',
      rgba: true,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true })
  const height = Math.min(frame.height, Math.ceil((textImage.info.height + fontSize * 3.2) / 2) * 2)
  const { data } = await sharp(Buffer.from(gradientSvg(frame.width, height)))
    .composite([
      {
        input: textImage.data,
        left: Math.round((frame.width - textImage.info.width) / 2),
        top: Math.max(0, Math.round(height - textImage.info.height - fontSize * 1.2)),
      },
    ])
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const size = { width: frame.width, height }
  return { image: yuvFromRgb(data, size, 4, frame.height), opacity: opacityOf(data, size) }
}

function shorten(prompt: string): string {
  const text = prompt.replace(/\s+/g, ' ').trim()
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH).trimEnd()}…` : text
}

/**
 * The text without characters that no font has. Null when at least half of its letters are missing.
 */
async function removeMissingCharacters(text: string): Promise<string | null> {
  const boxes = await Promise.all(UNASSIGNED_CHARACTERS.map(drawGlyph))
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

/** Compares the outer pixels only: boxes for missing glyphs differ in the digits inside. */
function hasSameOutline(one: Glyph, other: Glyph): boolean {
  const { width, height } = one
  if (width !== other.width || height !== other.height) return false
  const same = (at: number) => one.opacity[at] === other.opacity[at]
  for (let x = 0; x < width; x += 1) if (!same(x) || !same((height - 1) * width + x)) return false
  for (let y = 0; y < height; y += 1)
    if (!same(y * width) || !same((y + 1) * width - 1)) return false
  return true
}

function gradientSvg(width: number, height: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <linearGradient id="s" x2="0" y2="1">
      <stop offset="0" stop-opacity="0"/><stop offset="1" stop-opacity="0.62"/>
    </linearGradient>
    <rect width="100%" height="100%" fill="url(#s)"/>
  </svg>`
}

/** The alpha channel at full size for the y plane, at half size for the u and v planes. */
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
