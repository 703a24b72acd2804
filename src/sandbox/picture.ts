import type { Size, View } from './geometry.ts'

/**
 * A picture as the encoder takes it: planes of brightness (y) and colour (u, v), the latter at half
 * the width and height (I420). Sizes are even.
 */
export interface Picture extends Size {
  y: Uint8Array
  u: Uint8Array
  v: Uint8Array
}

export function createPicture({ width, height }: Size): Picture {
  const data = new Uint8Array((width * height * 3) / 2)
  const luma = width * height
  const chroma = luma / 4
  return {
    width,
    height,
    y: data.subarray(0, luma),
    u: data.subarray(luma, luma + chroma),
    v: data.subarray(luma + chroma),
  }
}

/** All three planes in one piece. */
export function bytesOf(picture: Picture): Uint8Array {
  return new Uint8Array(picture.y.buffer)
}

/**
 * From RGB with `channels` bytes a pixel. Players that find no colour tag take pictures below 720
 * lines for BT.601 and larger ones for BT.709.
 */
export function fromRgb(rgb: Uint8Array, size: Size, channels: 3 | 4, lines: number): Picture {
  const [kr, kb] = lines < 720 ? [0.299, 0.114] : [0.2126, 0.0722]
  const picture = createPicture(size)
  const { width, height } = size
  for (let row = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2) {
      let blue = 0
      let red = 0
      for (let corner = 0; corner < 4; corner += 1) {
        const at = (row + (corner >> 1)) * width + column + (corner & 1)
        const [r = 0, g = 0, b = 0] = [
          rgb[at * channels],
          rgb[at * channels + 1],
          rgb[at * channels + 2],
        ]
        const luma = kr * r + (1 - kr - kb) * g + kb * b
        picture.y[at] = Math.round(16 + (luma * 219) / 255)
        blue += (b - luma) / (1 - kb)
        red += (r - luma) / (1 - kr)
      }
      const at = ((row >> 1) * width) / 2 + (column >> 1)
      picture.u[at] = Math.round(128 + (blue / 4) * (112 / 255))
      picture.v[at] = Math.round(128 + (red / 4) * (112 / 255))
    }
  }
  return picture
}

/** Draws what the camera sees of `source`, interpolated so that slow movements do not stutter. */
export function drawView(source: Picture, view: View, target: Picture): void {
  const half = (size: Size) => ({ width: size.width / 2, height: size.height / 2 })
  drawPlane(source.y, source, view, target.y, target)
  drawPlane(source.u, half(source), view, target.u, half(target))
  drawPlane(source.v, half(source), view, target.v, half(target))
}

/** Mixes `over` into `target`; 0 leaves the target, 1 replaces it. Both have the same size. */
export function blend(target: Picture, over: Picture, amount: number): void {
  const to = bytesOf(target)
  const from = bytesOf(over)
  const weight = Math.round(amount * 256)
  for (let at = 0; at < to.length; at += 1) {
    const old = to[at] as number
    to[at] = old + ((((from[at] as number) - old) * weight) >> 8)
  }
}

/** A strip of picture over the full width of a frame, with its opacity per pixel. */
export interface Overlay {
  picture: Picture
  /** 0 to 255, in a picture's planes. */
  opacity: Picture
}

/** Lays the strip over the foot of the frame. */
export function drawOverlay(target: Picture, { picture, opacity }: Overlay): void {
  for (const plane of ['y', 'u', 'v'] as const) {
    const [to, from, alpha] = [target[plane], picture[plane], opacity[plane]]
    const start = to.length - from.length
    for (let at = 0; at < from.length; at += 1) {
      const old = to[start + at] as number
      to[start + at] = old + (((from[at] as number) - old) * (alpha[at] as number)) / 255
    }
  }
}

function drawPlane(source: Uint8Array, from: Size, view: View, target: Uint8Array, to: Size): void {
  const columns = samplePoints(from.width, view.x, view.scale, to.width)
  const rows = samplePoints(from.height, view.y, view.scale, to.height)
  let at = 0
  for (let row = 0; row < to.height; row += 1) {
    const top = (rows.index[row] as number) * from.width
    const down = rows.weight[row] as number
    for (let column = 0; column < to.width; column += 1) {
      const left = top + (columns.index[column] as number)
      const right = columns.weight[column] as number
      const a = source[left] as number
      const c = source[left + from.width] as number
      const upper = a * 256 + ((source[left + 1] as number) - a) * right
      const lower = c * 256 + ((source[left + from.width + 1] as number) - c) * right
      target[at] = (upper * 256 + (lower - upper) * down + 32_768) >> 16
      at += 1
    }
  }
}

/** For each target pixel the source pixel before it and, in 256ths, how far it lies towards the next. */
function samplePoints(length: number, offset: number, scale: number, count: number) {
  const index = new Int32Array(count)
  const weight = new Int32Array(count)
  for (let at = 0; at < count; at += 1) {
    const point = offset * length + ((at + 0.5) * scale * length) / count - 0.5
    const position = Math.min(length - 1.004, Math.max(0, point))
    index[at] = Math.floor(position)
    weight[at] = Math.floor((position - Math.floor(position)) * 256)
  }
  return { index, weight }
}
