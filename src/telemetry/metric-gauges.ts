import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { Gauge, type Registry } from 'prom-client'

/** Functions that read present values. They are called on each scrape. */
export interface MetricsSources {
  /** The number of entities that all processes poll. May be slow or fail. */
  pollJobs(): Promise<number>
  /** The number of entities that subscriptions follow, counted once for each subscription. */
  subscribers(): number
  /** The number of open WebSockets. */
  sockets(): number
  /** The state of each circuit breaker; `group` is its route group. */
  breakers(): { group: string; state: string }[]
}

const BREAKER_STATES = ['CLOSED', 'HALF_OPEN', 'OPEN']
/** How long a scrape waits for the number of poll jobs. The database may be unreachable. */
const POLL_JOBS_TIMEOUT_MS = 500
const LOOP_RESOLUTION_MS = 20

/** Adds gauges for the present values of `sources` to `registers`. */
export function addSourceGauges(registers: Registry[], sources: MetricsSources): void {
  const countPollJobs = createTimeLimitedRead(sources.pollJobs, POLL_JOBS_TIMEOUT_MS)
  new Gauge({
    name: 'zerograph_poll_jobs',
    help: 'Entities that all processes poll. Absent while the database is unreachable.',
    registers,
    async collect() {
      const count = await countPollJobs()
      if (count === null) this.remove()
      else this.set(count)
    },
  })
  addGauge(
    registers,
    'zerograph_subscribers',
    'Entities that subscriptions follow, counted once for each subscription.',
    () => sources.subscribers(),
  )
  addGauge(registers, 'zerograph_sockets', 'Open WebSockets.', () => sources.sockets())
  new Gauge({
    name: 'zerograph_upstream_breaker_state',
    help: '1 for the present state of the breaker of a route group, 0 for the other states.',
    labelNames: ['group', 'state'],
    registers,
    collect() {
      for (const { group, state } of sources.breakers()) {
        for (const each of BREAKER_STATES) this.set({ group, state: each }, each === state ? 1 : 0)
      }
    },
  })
}

/**
 * Adds gauges for the memory of the process and the delay of the event loop to `registers`. Returns the function that
 * stops the measurement of the event loop.
 */
export function addProcessGauges(registers: Registry[]): () => void {
  const stopEventLoopGauge = addEventLoopGauge(registers)
  addGauge(registers, 'process_resident_memory_bytes', 'Resident memory of the process.', () =>
    process.memoryUsage.rss(),
  )
  addGauge(
    registers,
    'nodejs_heap_size_used_bytes',
    'Used part of the JavaScript heap.',
    () => process.memoryUsage().heapUsed,
  )
  return stopEventLoopGauge
}

function addEventLoopGauge(registers: Registry[]): () => void {
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  loop.enable()
  new Gauge({
    name: 'zerograph_event_loop_delay_seconds',
    help: 'Delay of event loop timers since the last scrape.',
    labelNames: ['quantile'],
    registers,
    collect() {
      // The histogram holds the time between two ticks, which includes the resolution.
      const delaySeconds = (nanoseconds: number) =>
        Math.max(0, nanoseconds / 1e6 - LOOP_RESOLUTION_MS) / 1e3
      const isEmpty = loop.count === 0
      this.set({ quantile: '0.5' }, isEmpty ? 0 : delaySeconds(loop.percentile(50)))
      this.set({ quantile: '0.99' }, isEmpty ? 0 : delaySeconds(loop.percentile(99)))
      this.set({ quantile: '1' }, isEmpty ? 0 : delaySeconds(loop.max))
      loop.reset()
    },
  })
  return () => void loop.disable()
}

function addGauge(registers: Registry[], name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read())
    },
  })
}

/**
 * Returns a function that gives the result of `read`, or null when it fails or takes longer than `timeoutMs`. All calls
 * share the read in progress, so that a slow database receives only one at a time.
 */
function createTimeLimitedRead<T>(
  read: () => Promise<T>,
  timeoutMs: number,
): () => Promise<T | null> {
  let reading: Promise<T | null> | null = null
  return () => {
    reading ??= read()
      .catch(() => null)
      .finally(() => {
        reading = null
      })
    return Promise.race([reading, pause(timeoutMs, null, { ref: false })])
  }
}
