import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../test/support/postgres.ts'
import { type LoadProcess, startLoad } from './load-process.ts'
import type { AssetRange } from './operations.ts'
import { figure, percentile, printTable } from './print.ts'
import { cpuTimeMs } from './process-figures.ts'
import { type Service, startService } from './service.ts'
import type { Settings } from './settings.ts'
import { startUpstream, type UpstreamProcess } from './upstream-process.ts'
import { register, TOKEN, ZEROGRAPH } from './zerograph.ts'

/** Measures the polls of many watched assets, and what they do to other operations. */

const POLLS_PER_SECOND = 2_000
const TENANTS = 10
const CREATES = 50
const TRIVIAL_PER_SECOND = 50
const RANGE: AssetRange = { status: 'PROCESSING', first: 0, count: 10_000 }

interface Figures {
  pollsPerSecond: number
  cpuPerPollMs: number
  trivialP99Ms: number
  createsIdleMs: number
  createsPollingMs: number
}

/** With SQLite and one process. */
export async function measureTracker(settings: Settings, directory: string): Promise<void> {
  const figures = await measure(settings, [{ DATA_DIR: directory }])
  report('tracker: SQLite, one process', settings, figures, '0.3')
}

/** With PostgreSQL and two processes. */
export async function measureTrackerPostgres(settings: Settings, directory: string): Promise<void> {
  const postgres = await startPostgres()
  try {
    const environment = {
      DATABASE_URL: postgres.url,
      SECRET_KEY: randomBytes(32).toString('base64'),
      DATA_DIR: directory,
    }
    const figures = await measure(settings, [environment, environment])
    report('tracker-postgres: PostgreSQL, two processes', settings, figures, '0.5')
  } finally {
    await postgres.stop()
  }
}

async function measure(
  settings: Settings,
  environments: Record<string, string>[],
): Promise<Figures> {
  await using stack = new AsyncDisposableStack()
  const upstream = stack.use(await startUpstream())
  const load = stack.use(startLoad())
  const services: Service[] = []
  for (const environment of environments) {
    const args = { ...environment, ...POLL_SETTINGS, UPSTREAM_URL: upstream.url }
    services.push(stack.use(await startService(ZEROGRAPH, args)))
  }
  const first = services[0] as Service
  // The first creates of a process are slow, because their code is not compiled yet.
  await timeCreates(load, first)
  const createsIdleMs = await timeCreates(load, first)
  await registerAll(first, assetsOf(settings))

  const pollMs = settings.isSmoke ? 200 : 10_000
  await sleep(settings.isSmoke ? 0 : 5_000)
  const polls = await measurePolls(services, upstream, pollMs)
  const { latenciesMs } = await load.run({
    ...request(first, 'trivial'),
    durationMs: pollMs,
    perSecond: TRIVIAL_PER_SECOND,
  })
  const createsPollingMs = await timeCreates(load, first)
  return { ...polls, trivialP99Ms: percentile(latenciesMs, 0.99), createsIdleMs, createsPollingMs }
}

function assetsOf({ isSmoke }: Settings): number {
  return isSmoke ? 100 : RANGE.count
}

/** With these, ten thousand assets are polled two thousand times a second: a gap is shortened by up to a fifth. */
const GAP_MS = (RANGE.count * 1_000) / POLLS_PER_SECOND / 0.9
const POLL_SETTINGS = {
  ASSET_POLL_MIN_MS: String(Math.round(GAP_MS * 0.8)),
  ASSET_POLL_MAX_MS: String(Math.round(GAP_MS)),
  POLL_MAX_RPS: '10000',
}

async function registerAll(service: Service, assets: number): Promise<void> {
  const count = assets / TENANTS
  // One tenant after another, because the reads of all would wait too long for a connection.
  for (let index = 0; index < TENANTS; index += 1) {
    await register(service, { ...RANGE, first: index * count, count }, `${TOKEN}-${index}`)
  }
}

async function measurePolls(
  services: Service[],
  upstream: UpstreamProcess,
  durationMs: number,
): Promise<Pick<Figures, 'pollsPerSecond' | 'cpuPerPollMs'>> {
  const cpuMs = () => services.reduce((total, { pid }) => total + cpuTimeMs(pid), 0)
  await upstream.control()
  const startedAt = performance.now()
  const before = cpuMs()
  await sleep(durationMs)
  const polls = await upstream.control()
  const seconds = (performance.now() - startedAt) / 1_000
  return { pollsPerSecond: polls / seconds, cpuPerPollMs: (cpuMs() - before) / polls }
}

/** The time of `CREATES` creates, one after another. Creates that are too slow for the bench are extrapolated. */
async function timeCreates(load: LoadProcess, service: Service): Promise<number> {
  const { operations, durationMs } = await load.run({
    ...request(service, 'create'),
    durationMs: 20_000,
    maxOperations: CREATES,
  })
  return (durationMs * CREATES) / operations
}

function request({ port }: Service, operation: 'trivial' | 'create') {
  return { port, operation, range: RANGE, token: TOKEN, connections: 1 } as const
}

function report(title: string, settings: Settings, figures: Figures, cpuGoal: string): void {
  const { pollsPerSecond, cpuPerPollMs, trivialP99Ms, createsIdleMs, createsPollingMs } = figures
  printTable(
    `${title}, ${assetsOf(settings)} watched assets of ${TENANTS} tenants`,
    ['', 'measured', 'goal'],
    [
      ['polls per second', figure(pollsPerSecond), String(POLLS_PER_SECOND)],
      ['CPU per poll, ms', figure(cpuPerPollMs, 3), cpuGoal],
      ['trivial query, p99, ms', figure(trivialP99Ms, 1), '20'],
      [`${CREATES} creates, idle, ms`, figure(createsIdleMs), ''],
      [`${CREATES} creates, while polling, ms`, figure(createsPollingMs), ''],
      ['while polling ÷ idle', figure(createsPollingMs / createsIdleMs, 2), '1.5'],
    ],
  )
}
