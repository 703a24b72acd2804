import type { Size, View } from './geometry.ts'

/**
 * An image in the format of the encoder, I420: the luma plane `y` has one byte per pixel, the
 * chroma planes `u` and `v` have half the width and height. Width and height are even.
 */
export interface YuvImage extends Size {
  y: Uint8Array
  u: Uint8Array
  v: Uint8Array
}

/** Creates an image with all bytes 0. The three planes share one buffer, in the order y, u, v. */
export function createYuvImage({ width, height }: Size): YuvImage {
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

/** Returns all three planes as one array, without copying. Only for images of `createYuvImage`. */
export function bytesOf(image: YuvImage): Uint8Array {
  return new Uint8Array(image.y.buffer)
}

/**
 * Converts RGB (3 bytes per pixel) or RGBA (4, alpha ignored) to an image.
 *
 * `frameHeight` is the height of the clip in pixels. It chooses the colour matrix: players assume
 * BT.601 for untagged video below 720 lines and BT.709 from 720 lines on.
 */
export function yuvFromRgb(
  rgb: Uint8Array,
  size: Size,
  channels: 3 | 4,
  frameHeight: number,
): YuvImage {
  const [kr, kb] = frameHeight < 720 ? [0.299, 0.114] : [0.2126, 0.0722]
  const image = createYuvImage(size)
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
        image.y[at] = Math.round(16 + (luma * 219) / 255)
        blue += (b - luma) / (1 - kb)
        red += (r - luma) / (1 - kr)
      }
      const at = ((row >> 1) * width) / 2 + (column >> 1)
      image.u[at] = Math.round(128 + (blue / 4) * (112 / 255))
      image.v[at] = Math.round(128 + (red / 4) * (112 / 255))
    }
  }
  return image
}

/**
 * Draws the view of `source` into `target`, scaled to its size. Interpolates between pixels
 * (bilinear), so that slow movements are smooth.
 */
export function drawView(source: YuvImage, view: View, target: YuvImage): void {
  const half = (size: Size) => ({ width: size.width / 2, height: size.height / 2 })
  drawPlane(source.y, source, view, target.y, target)
  drawPlane(source.u, half(source), view, target.u, half(target))
  drawPlane(source.v, half(source), view, target.v, half(target))
}

/** Mixes `over` into `target`: 0 leaves the target, 1 replaces it. Both must have the same size. */
export function blend(target: YuvImage, over: YuvImage, amount: number): void {
  const to = bytesOf(target)
  const from = bytesOf(over)
  const weight = Math.round(amount * 256)
  for (let at = 0; at < to.length; at += 1) {
    const old = to[at] as number
    to[at] = old + ((((from[at] as number) - old) * weight) >> 8)
  }
}

/** An image as wide as the frame, with an opacity per pixel. */
export interface Overlay {
  image: YuvImage
  /** 0 (transparent) to 255 (opaque), one value for each byte of the planes of `image`. */
  opacity: YuvImage
}

/** Draws the overlay at the bottom edge of `target`. */
export function drawOverlay(target: YuvImage, { image, opacity }: Overlay): void {
  for (const plane of ['y', 'u', 'v'] as const) {
    const [to, from, alpha] = [target[plane], image[plane], opacity[plane]]
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

/**
 * For each target pixel along one axis: the index of the source pixel before it, and the weight of
 * the next source pixel in 256ths.
 */
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
