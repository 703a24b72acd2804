import { startLoad } from './load-process.ts'
import type { AssetRange } from './operations.ts'
import { figure, percentile, printTable } from './print.ts'
import { type Service, startService } from './service.ts'
import type { Settings } from './settings.ts'
import { startUpstream } from './upstream-process.ts'
import { TOKEN, ZEROGRAPH } from './zerograph.ts'

const UPSTREAM_MS = 50
const PER_SECOND = 200
/** So many that no two reads in flight are of the same asset. */
const RANGE: AssetRange = { status: 'PROCESSING', first: 0, count: 10_000_000 }

/** Measures the latency that the service adds to a slow upstream, compared with the raw handler. */
export async function measureLatency(settings: Settings, directory: string): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const upstream = stack.use(await startUpstream())
  const load = stack.use(startLoad())
  const environment = { UPSTREAM_URL: upstream.url, DATA_DIR: directory }
  const raw = stack.use(await startService(['bench/peers/raw.ts'], environment))
  const zerograph = stack.use(await startService(ZEROGRAPH, environment))
  await upstream.control({ latencyMs: UPSTREAM_MS })

  const run = async ({ port }: Service, durationMs: number) => {
    const request = { port, operation: 'one', range: RANGE, token: TOKEN, connections: 0 } as const
    return (await load.run({ ...request, durationMs, perSecond: PER_SECOND })).latenciesMs
  }
  const turnMs = settings.isSmoke ? 200 : 4_000
  for (const service of [raw, zerograph]) await run(service, turnMs)
  const latencies = { raw: [] as number[], zerograph: [] as number[] }
  for (let turn = 0; turn < settings.turns; turn += 1) {
    latencies.raw.push(...(await run(raw, turnMs)))
    latencies.zerograph.push(...(await run(zerograph, turnMs)))
  }
  const goals = { 0.5: '0.7', 0.99: '2.5' }
  printTable(
    `latency: upstream ${UPSTREAM_MS} ms, ${PER_SECOND} distinct reads a second, in milliseconds`,
    ['', 'raw', 'ZeroGraph', 'added', 'goal'],
    ([0.5, 0.99] as const).map((share) => {
      const [theirs, ours] = [
        percentile(latencies.raw, share),
        percentile(latencies.zerograph, share),
      ]
      return [
        `p${share * 100}`,
        figure(theirs, 2),
        figure(ours, 2),
        figure(ours - theirs, 2),
        goals[share],
      ]
    }),
  )
}
