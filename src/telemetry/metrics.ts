import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { GraphQLEnumType } from 'graphql'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { schema } from '../schema/index.ts'
import type { OperationObserver } from './operation.ts'
import type { RefusedRequest } from './refused-request.ts'
import type { UpstreamAttempt } from './upstream-attempt.ts'

/** What is looked up when it is asked for. */
export interface MetricsSources {
  /** How many resources are being polled, by all processes; may take its time, or fail. */
  pollJobs(): Promise<number>
  /** How many resources are being listened to, once for each subscription. */
  subscribers(): number
  sockets(): number
  breakers(): { group: string; state: string }[]
}

/** What is counted and timed in one service, described in docs/metrics.md. */
export interface Metrics {
  readonly contentType: string
  /** Everything in the text format of Prometheus. Does not fail, whatever is away. */
  text(): Promise<string>
  observe: OperationObserver
  onRefused(refused: RefusedRequest): void
  onCall(attempt: UpstreamAttempt): void
  /** A poll began, `lagMs` after it was due. */
  onPoll(poll: { kind: string; lagMs: number }): void
  onLedgerCall(name: string, durationMs: number): void
  stop(): void
}

const ANSWER_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const LAG_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const LEDGER_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Those of GraphQL and of calls, beside those the schema lists. */
const MORE_CODES = [
  'BAD_REQUEST',
  'REQUEST_ENTITY_TOO_LARGE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'OPERATION_RESOLUTION_FAILURE',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'INTERNAL',
  'ABORTED',
  'BREAKER_OPEN',
  'QUEUE_TIMEOUT',
]
const BREAKER_STATES = ['CLOSED', 'HALF_OPEN', 'OPEN']
/** How long an answer waits for the number of poll jobs, which a database that is away cannot tell. */
const PATIENCE_MS = 500
const LOOP_RESOLUTION_MS = 20

/** Metrics of this process in a registry of their own. `stop` ends the measurement of the event loop. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const codeLabel = createCodeLabel()
  const nameLabel = createNameLabel()
  const instruments = createInstruments(registers)
  addSourceGauges(registers, sources)
  const stopLoopGauge = addEventLoopGauge(registers)
  addGauge(registers, 'process_resident_memory_bytes', 'Memory of the process.', () =>
    process.memoryUsage.rss(),
  )
  addGauge(
    registers,
    'nodejs_heap_size_used_bytes',
    'Used of the heap.',
    () => process.memoryUsage().heapUsed,
  )

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),

    observe(operation) {
      const labels = { name: nameLabel(operation.name), type: operation.type ?? 'unknown' }
      let isAnswered = false
      const answered = (durationMs: number) => {
        if (!isAnswered) instruments.operationDuration.observe(labels, durationMs / 1_000)
        isAnswered = true
      }
      return {
        began: ({ durationMs }) => answered(durationMs),
        ended({ durationMs, errors: [code] }) {
          answered(durationMs)
          instruments.operations.inc({ ...labels, outcome: codeLabel(code) })
        },
      }
    },

    onRefused({ transport, status, code }) {
      instruments.refusedRequests.inc({
        transport,
        status: status ?? 'none',
        code: codeLabel(code),
      })
    },

    onCall({ method, route, status, durationMs, attempt, errorCode }) {
      const labels = { method, route, status: statusClass(status), code: codeLabel(errorCode) }
      instruments.upstreamDuration.observe(labels, durationMs / 1_000)
      if (attempt > 1) instruments.upstreamRetries.inc({ route })
    },

    onPoll: ({ kind, lagMs }) => instruments.pollLag.observe({ kind }, Math.max(0, lagMs) / 1_000),
    onLedgerCall: (call, durationMs) =>
      instruments.ledgerDuration.observe({ call }, durationMs / 1_000),
    stop: stopLoopGauge,
  }
}

/** What is counted and timed as it happens. */
function createInstruments(registers: Registry[]) {
  const operations = new Counter({
    name: 'zerograph_operations_total',
    help: 'Operations that have ended, by their first error or ok.',
    labelNames: ['name', 'type', 'outcome'],
    registers,
  })
  const operationDuration = new Histogram({
    name: 'zerograph_operation_duration_seconds',
    help: 'From the beginning of execution to the answer, or to the beginning of a subscription.',
    labelNames: ['name', 'type'],
    buckets: ANSWER_SECONDS,
    registers,
  })
  const refusedRequests = new Counter({
    name: 'zerograph_refused_requests_total',
    help: 'Requests that were refused before they became operations.',
    labelNames: ['transport', 'status', 'code'],
    registers,
  })
  const upstreamDuration = new Histogram({
    name: 'zerograph_upstream_call_duration_seconds',
    help: 'Attempts to call 0-0, by what came of them.',
    labelNames: ['method', 'route', 'status', 'code'],
    buckets: ANSWER_SECONDS,
    registers,
  })
  const upstreamRetries = new Counter({
    name: 'zerograph_upstream_retries_total',
    help: 'Attempts that were not the first of their call.',
    labelNames: ['route'],
    registers,
  })
  const pollLag = new Histogram({
    name: 'zerograph_poll_lag_seconds',
    help: 'How long after they were due polls began.',
    labelNames: ['kind'],
    buckets: LAG_SECONDS,
    registers,
  })
  const ledgerDuration = new Histogram({
    name: 'zerograph_ledger_call_duration_seconds',
    help: 'Calls of the ledger, failed ones among them.',
    labelNames: ['call'],
    buckets: LEDGER_SECONDS,
    registers,
  })
  return {
    operations,
    operationDuration,
    refusedRequests,
    upstreamDuration,
    upstreamRetries,
    pollLag,
    ledgerDuration,
  }
}

/** What is read when the metrics are asked for. */
function addSourceGauges(registers: Registry[], sources: MetricsSources): void {
  const countPollJobs = createPatient(sources.pollJobs, PATIENCE_MS)
  new Gauge({
    name: 'zerograph_poll_jobs',
    help: 'Resources that are being polled, by all processes; absent while the database is away.',
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
    'Resources listened to, once for each subscription.',
    () => sources.subscribers(),
  )
  addGauge(registers, 'zerograph_sockets', 'Open WebSockets.', () => sources.sockets())
  new Gauge({
    name: 'zerograph_upstream_breaker_state',
    help: '1 for the state the breaker of a route group is in, 0 for the others.',
    labelNames: ['group', 'state'],
    registers,
    collect() {
      for (const { group, state } of sources.breakers()) {
        for (const each of BREAKER_STATES) this.set({ group, state: each }, each === state ? 1 : 0)
      }
    },
  })
}

/** The delay of the event loop since the last scrape. Returns the function that ends the measurement. */
function addEventLoopGauge(registers: Registry[]): () => void {
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  loop.enable()
  new Gauge({
    name: 'zerograph_event_loop_delay_seconds',
    help: 'How late the event loop came to its timers since this was last asked for.',
    labelNames: ['quantile'],
    registers,
    collect() {
      // What is measured is the whole gap between two ticks.
      const late = (nanoseconds: number) =>
        Math.max(0, nanoseconds / 1e6 - LOOP_RESOLUTION_MS) / 1e3
      const isEmpty = loop.count === 0
      this.set({ quantile: '0.5' }, isEmpty ? 0 : late(loop.percentile(50)))
      this.set({ quantile: '0.99' }, isEmpty ? 0 : late(loop.percentile(99)))
      this.set({ quantile: '1' }, isEmpty ? 0 : late(loop.max))
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

function createCodeLabel() {
  const listed = (schema.getType('ErrorCode') as GraphQLEnumType).getValues()
  const codes = new Set([...listed.map(({ name }) => name), ...MORE_CODES])
  return (code: string | null | undefined): string => {
    if (code == null) return 'ok'
    return codes.has(code) ? code : 'OTHER'
  }
}

const MAX_NAMES = 100
const NAME = /^[A-Za-z0-9_]{1,64}$/

/** The names of operations are the callers', who could think of a new one each time. */
function createNameLabel() {
  const names = new Set<string>()
  return (name: string | null): string => {
    if (name === null) return 'anonymous'
    if (names.has(name)) return name
    if (names.size === MAX_NAMES || !NAME.test(name)) return 'other'
    names.add(name)
    return name
  }
}

/** What `read` gives, or null when it fails or takes longer than `patienceMs`. It is read once at a time. */
function createPatient<T>(read: () => Promise<T>, patienceMs: number): () => Promise<T | null> {
  let reading: Promise<T | null> | null = null
  return () => {
    reading ??= read()
      .catch(() => null)
      .finally(() => {
        reading = null
      })
    return Promise.race([reading, pause(patienceMs, null, { ref: false })])
  }
}

function statusClass(status: number | null): string {
  return status === null ? 'none' : `${Math.floor(status / 100)}xx`
}
