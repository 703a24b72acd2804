import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readFrames, sumSelfTime } from './cpu-profile.ts'
import { drawFlameGraph } from './flame-graph.ts'
import { startLoad } from './load-process.ts'
import type { AssetRange } from './operations.ts'
import { figure, printTable } from './print.ts'
import { startService } from './service.ts'
import type { Settings } from './settings.ts'
import { startUpstream } from './upstream-process.ts'
import { TOKEN, ZEROGRAPH } from './zerograph.ts'

const SVG = fileURLToPath(new URL('../docs/performance.svg', import.meta.url))
const RANGE: AssetRange = { status: 'PROCESSING', first: 0, count: 100_000 }
const SHOWN = 20

/** Prints where the service spends its time in the row "one, cold", and draws it as docs/performance.svg. */
export async function profile(settings: Settings, directory: string): Promise<void> {
  const skipMs = await runProfiled(settings, directory)
  const root = readFrames(JSON.parse(await readFile(join(directory, FILE), 'utf8')), skipMs)
  const print = (title: string, sums: [string, number][]) => {
    const rows = sums
      .slice(0, SHOWN)
      .map(([name, us]) => [name, figure((us / root.totalUs) * 100, 1)])
    printTable(title, ['', '%'], rows)
  }
  print(
    'one, cold: own time by origin',
    sumSelfTime(root, ({ origin }) => origin),
  )
  print(
    'one, cold: own time by function',
    sumSelfTime(root, ({ name, origin }) => `${name} (${origin})`),
  )
  if (!settings.isSmoke) await writeFile(SVG, drawFlameGraph(root, 'CPU time of "one, cold"'))
}

const FILE = 'service.cpuprofile'

/** Returns how long the start and the warm-up took, in milliseconds. */
async function runProfiled(settings: Settings, directory: string): Promise<number> {
  await using upstream = await startUpstream()
  await using load = startLoad()
  const startedAt = performance.now()
  const flags = ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${FILE}`]
  await using service = await startService([...flags, ...ZEROGRAPH], {
    UPSTREAM_URL: upstream.url,
    DATA_DIR: directory,
  })
  const request = {
    port: service.port,
    operation: 'one',
    range: RANGE,
    token: TOKEN,
    connections: 32,
  } as const
  await load.run({ ...request, durationMs: settings.isSmoke ? 100 : 2_000 })
  const skipMs = performance.now() - startedAt
  await load.run({ ...request, durationMs: settings.isSmoke ? 100 : 5_000 })
  return skipMs
}
