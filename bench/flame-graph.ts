import type { Frame } from './cpu-profile.ts'

const WIDTH = 1_200
const ROW = 16
/** Narrower frames are left out. */
const MIN_WIDTH = 1
const CHARACTER_WIDTH = 6.2
const COLORS: [pattern: RegExp, color: string][] = [
  [/^src\//, '#f4a261'],
  [/^node$/, '#a8dadc'],
  [/^garbage collection$/, '#e76f51'],
  [/^/, '#e9c46a'],
]

/** Draws a flame graph: the width of a function is its time with everything that it called; callers are above. */
export function drawFlameGraph(root: Frame, title: string): string {
  const shapes: string[] = []
  let depths = 0
  const draw = (frame: Frame, x: number, depth: number) => {
    const width = (frame.totalUs / root.totalUs) * WIDTH
    if (width < MIN_WIDTH) return
    depths = Math.max(depths, depth + 1)
    shapes.push(shapeOf(frame, root.totalUs, { x, y: (depth + 2) * ROW, width }))
    let calleeX = x
    for (const callee of [...frame.callees.values()].sort((a, b) => b.totalUs - a.totalUs)) {
      draw(callee, calleeX, depth + 1)
      calleeX += (callee.totalUs / root.totalUs) * WIDTH
    }
  }
  draw(root, 0, 0)
  const height = (depths + 3) * ROW
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">
<title>${escapeXml(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="4" y="12">${escapeXml(title)}. Orange: src; yellow: packages; blue: Node; red: garbage collection.</text>
${shapes.join('\n')}
</svg>
`
}

function shapeOf(
  { name, origin, totalUs }: Frame,
  allUs: number,
  { x, y, width }: { x: number; y: number; width: number },
): string {
  const color = COLORS.find(([pattern]) => pattern.test(origin))?.[1]
  const label = escapeXml(name.slice(0, Math.floor((width - 4) / CHARACTER_WIDTH)))
  const share = ((totalUs / allUs) * 100).toFixed(1)
  const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${color}">`
  const tip = `<title>${escapeXml(`${name} (${origin}), ${share} %`)}</title></rect>`
  const text = width < 20 ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${label}</text>`
  return rect + tip + text
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
