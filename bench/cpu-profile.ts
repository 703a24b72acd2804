/** A `.cpuprofile` of V8, as far as it is read here. */
export interface CpuProfile {
  nodes: {
    id: number
    callFrame: { functionName: string; url: string; lineNumber: number }
    children?: number[]
  }[]
  /** The ids of the sampled nodes. */
  samples: number[]
  /** Microseconds before each sample. */
  timeDeltas: number[]
}

/** A function with the functions that it called. */
export interface Frame {
  name: string
  /** Where the function is defined: a package, `src/` with a folder, or `node`. */
  origin: string
  selfUs: number
  /** Its own time and that of everything below it. */
  totalUs: number
  callees: Map<string, Frame>
}

/** Samples without a running function. */
const NOT_RUNNING = new Set(['(idle)', '(program)', '(root)'])

/** The tree of all calls, without the samples of the first `skipMs` milliseconds. */
export function readFrames({ nodes, samples, timeDeltas }: CpuProfile, skipMs: number): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const root = createFrame('all', '')
  let elapsedUs = 0
  for (const [index, id] of samples.entries()) {
    const us = timeDeltas[index] ?? 0
    elapsedUs += us
    const sampled = byId.get(id)
    if (elapsedUs < skipMs * 1_000 || !sampled) continue
    if (NOT_RUNNING.has(sampled.callFrame.functionName)) continue
    let frame = root
    frame.totalUs += us
    for (const ancestor of pathOf(id, parents)) {
      const node = byId.get(ancestor)
      if (!node || NOT_RUNNING.has(node.callFrame.functionName)) continue
      frame = calleeOf(frame, node.callFrame)
      frame.totalUs += us
    }
    frame.selfUs += us
  }
  return root
}

/** The node and its callers, the outermost first. */
function pathOf(id: number, parents: Map<number, number>): number[] {
  const path: number[] = []
  for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) {
    path.push(node)
  }
  return path.reverse()
}

function calleeOf(
  frame: Frame,
  { functionName, url }: { functionName: string; url: string },
): Frame {
  const name = functionName || '(anonymous)'
  const key = `${name} ${url}`
  const known = frame.callees.get(key)
  if (known) return known
  const callee = createFrame(name, originOf(name, url))
  frame.callees.set(key, callee)
  return callee
}

function createFrame(name: string, origin: string): Frame {
  return { name, origin, selfUs: 0, totalUs: 0, callees: new Map() }
}

function originOf(name: string, url: string): string {
  if (name === '(garbage collector)') return 'garbage collection'
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)
  if (inPackage) return inPackage[1] ?? ''
  const inSource = /\/(src\/[^/]+)\//.exec(url)
  return inSource ? (inSource[1] ?? '') : 'node'
}

/** The own time of all functions, summed up by `keyOf`; the longest first. */
export function sumSelfTime(root: Frame, keyOf: (frame: Frame) => string): [string, number][] {
  const sums = new Map<string, number>()
  const visit = (frame: Frame) => {
    const key = keyOf(frame)
    sums.set(key, (sums.get(key) ?? 0) + frame.selfUs)
    for (const callee of frame.callees.values()) visit(callee)
  }
  visit(root)
  return [...sums].sort(([, one], [, other]) => other - one)
}
