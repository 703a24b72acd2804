import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { composeServer } from './compose-server.ts'
import type { Config } from './config.ts'
import { type Ledger, openLedger } from './ledger/ledger.ts'
import { createBackgroundWork } from './resolvers/background-work.ts'
import { guardCallersKeys, guardHeldKey } from './resolvers/key-refusal.ts'
import type { Sandbox, SandboxOptions } from './sandbox/server.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { logOperations } from './telemetry/operation-log.ts'
import { createOperations, type Operations } from './telemetry/operation-observer.ts'
import { firstPollMsOf } from './tracking/schedule.ts'
import { startTracker, type Tracker, type TrackerOptions } from './tracking/tracker.ts'
import { createUpstreamClient } from './upstream/client.ts'

/** The running service. */
export interface App {
  /** The URL of the service, without a path. */
  url: string
  /** The URL of the sandbox; null when an upstream is configured. */
  sandboxUrl: string | null
  /** Returns the number of entities that subscriptions listen to, counted once per subscription. */
  listeners(): number
  /** Waits for running operations, releases claimed poll jobs, and closes all parts. */
  stop(): Promise<void>
}

/** Milliseconds for which transitions and idempotency records are kept. */
const RETENTION_MS = 24 * 3_600_000
const MIN_LEASE_MS = 500
/** Maximum milliseconds that stopping waits until created entities are recorded. */
const RECORD_TIMEOUT_MS = 30_000

/** Functions that close the started parts. They are called in reverse order. */
type Closers = (() => Promise<void>)[]

/** Both have defaults; tests replace them. */
interface StartOptions {
  /** Milliseconds that stopping waits at most for a storage that fails. */
  recordTimeoutMs?: number
  /** How long assets and tasks of the sandbox stay in each status. */
  sandboxPace?: SandboxOptions['pace']
}

/** Starts the service. When a part cannot start, closes the started parts and throws. */
export async function startApp(
  config: Config,
  log: Logger,
  options: StartOptions = {},
): Promise<App> {
  const closers: Closers = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    return { ...(await startParts(config, log, closers, options)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startParts(
  config: Config,
  log: Logger,
  closers: Closers,
  { recordTimeoutMs = RECORD_TIMEOUT_MS, sandboxPace }: StartOptions,
): Promise<Omit<App, 'stop'>> {
  const sandbox = config.upstreamUrl ? null : await startSandbox(config, closers, sandboxPace)
  const onError = (err: unknown) => log.error({ err }, 'internal error')
  const metrics = createMetrics({
    pollJobs: () => ledger.countPollJobs(),
    subscribers: () => ledger.notifier.size,
    sockets: () => server.sockets(),
    breakers: () => upstream.breakers(),
  })
  closers.push(async () => metrics.stop())
  const operations = await observeOperations(config, log, metrics, closers)
  const ledger = await openLedgerOf(config, log, metrics, onError)
  closers.push(() => ledger.close())
  const upstream = createUpstreamClient({
    url: config.upstreamUrl ?? sandbox?.url ?? '',
    maxConcurrency: config.upstreamMaxConcurrency,
    maxCreates: config.upstreamMaxCreates,
    getTimeoutMs: config.upstreamGetTimeoutMs,
    postTimeoutMs: config.upstreamPostTimeoutMs,
    onCall(call) {
      log.debug(call, 'upstream call')
      metrics.onCall(call)
      operations.onCall(call)
    },
  })
  closers.push(() => upstream.close())
  const heldKey = 'upstreamApiKey' in config.identity ? config.identity.upstreamApiKey : null
  const onKeyRefused = (err: unknown) => log.error({ err }, 'the key of the service is refused')
  const guard = heldKey === null ? guardCallersKeys(upstream) : guardHeldKey(upstream, onKeyRefused)
  // With a key of the service, the tracker needs the original errors of 0-0.
  const polled = heldKey === null ? guard.upstream : upstream
  const tracker = startTrackerOf({
    config,
    log,
    ledger,
    upstream: polled,
    heldKey,
    metrics,
    onError,
  })
  const background = createBackgroundWork()
  closers.push(async () => {
    // Entities that are not recorded when this timer fires are lost. Their ids are in the log.
    const timer = setTimeout(() => ledger.stopRetrying(), recordTimeoutMs)
    await Promise.all([tracker.stop(), background.ended()])
    clearTimeout(timer)
  })
  const { waitUntil } = background
  const parts = { config, log, ledger, guard, metrics, operations, sandbox, waitUntil, onError }
  const server = await composeServer(parts)
  server.http.listen(config.port, config.host)
  await once(server.http, 'listening')
  closers.push(() => server.drain())
  const { port } = server.http.address() as AddressInfo
  return {
    url: `http://${hostInUrl(config.host)}:${port}`,
    sandboxUrl: sandbox?.url ?? null,
    listeners: () => ledger.notifier.size,
  }
}

async function observeOperations(
  { otlpEndpoint }: Config,
  log: Logger,
  metrics: Metrics,
  closers: Closers,
): Promise<Operations> {
  const observers = [logOperations(log), metrics.observe]
  if (!otlpEndpoint) return createOperations(observers)
  // Load OpenTelemetry only when it is used.
  const { startTracing } = await import('./telemetry/tracing.ts')
  const onError = (err: unknown) => log.warn({ err }, 'traces cannot be sent')
  const tracing = await startTracing({ endpoint: otlpEndpoint, onError })
  closers.push(() => tracing.stop())
  return createOperations([...observers, tracing.observe])
}

function openLedgerOf(
  config: Config,
  log: Logger,
  metrics: Metrics,
  onError: (error: unknown) => void,
): Promise<Ledger> {
  return openLedger({
    dataDir: config.dataDir,
    databaseUrl: config.databaseUrl,
    secret: config.secret,
    onError,
    onUnrecorded: (created, err) =>
      log.error({ created, err }, 'sent to 0-0 but not recorded yet; retrying'),
    onRecorded: (created) => log.info({ created }, 'recorded after a retry'),
    onCall: metrics.onLedgerCall,
    polling: {
      firstPollMs: firstPollMsOf(config.pace),
      deadlineMs: config.pollDeadlineMs,
    },
  })
}

function startTrackerOf({
  config,
  log,
  metrics,
  ...parts
}: { config: Config; log: Logger; metrics: Metrics } & Pick<
  TrackerOptions,
  'ledger' | 'upstream' | 'heldKey' | 'onError'
>): Tracker {
  return startTracker({
    ...parts,
    pace: config.pace,
    maxInFlight: Math.floor(config.upstreamMaxConcurrency / 2),
    maxRps: config.pollMaxRps,
    deadlineMs: config.pollDeadlineMs,
    leaseMs: leaseOf(config.pace),
    retentionMs: RETENTION_MS,
    onLeaseLost: ({ kind, key }) => log.info({ kind, key }, 'lease lost'),
    onUnrecorded: (task) => log.error(task, 'a task was sent and could not be recorded'),
    onPoll: metrics.onPoll,
  })
}

/**
 * Two of the shortest poll gaps, in milliseconds. Another process takes over the claims of a dead process within three.
 */
function leaseOf({ asset, videoTask }: Config['pace']): number {
  return Math.max(MIN_LEASE_MS, 2 * Math.min(asset.minMs, videoTask.minMs))
}

/** Loads and starts the sandbox. */
async function startSandbox(
  config: Config,
  closers: Closers,
  pace: StartOptions['sandboxPace'],
): Promise<Sandbox> {
  const { createSandbox } = await import('./sandbox/server.ts')
  const sandbox = await createSandbox({
    port: config.sandboxPort,
    host: config.host,
    dataDir: config.dataDir,
    reportsProgress: true,
    ...(pace && { pace }),
  })
  closers.push(() => sandbox.close())
  return sandbox
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
