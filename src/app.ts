import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { createAuthenticate } from './auth/identity.ts'
import type { Config } from './config.ts'
import { readPersistedDocuments } from './execution/persisted-documents.ts'
import { createGraphiQLPage } from './http/graphiql.ts'
import { exampleHeaders, tabs } from './http/graphiql-tabs.ts'
import { createGraphQLHandler } from './http/graphql-handler.ts'
import { createServer } from './http/server.ts'
import { openLedger } from './ledger/ledger.ts'
import { guardCallersKeys, guardHeldKey } from './resolvers/key-refusal.ts'
import { createReads } from './resolvers/reads.ts'
import { createTenantLock } from './resolvers/tenant-lock.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { logOperations } from './telemetry/operation-log.ts'
import { createOperations } from './telemetry/operation-observer.ts'
import { logRefusedRequests, type RefusedRequest } from './telemetry/refused-request.ts'
import type { Tracing } from './telemetry/tracing.ts'
import { startTracker } from './tracking/tracker.ts'
import { createUpstreamClient } from './upstream/client.ts'

/** The whole service, listening. */
export interface App {
  /** Where it listens, without a path. */
  url: string
  /** Where the sandbox listens, when it is used. */
  sandboxUrl: string | null
  /** How many resources are being listened to, once for each subscription. */
  listeners(): number
  /** Lets running operations end, gives back what is being polled, and closes everything. */
  stop(): Promise<void>
}

/** For so long a subscriber may pause, and an idempotency key is kept. */
const RETENTION_MS = 24 * 3_600_000
/** Two of the shortest gaps: who takes over from a dead process then does so within three. */
function leaseOf({ asset, videoTask }: Config['pace']): number {
  return Math.max(MIN_LEASE_MS, 2 * Math.min(asset.minMs, videoTask.minMs))
}
const MIN_LEASE_MS = 500
/** How long stopping waits for the storage to take what was created meanwhile. */
const RECORD_TIMEOUT_MS = 30_000
/** How much longer draining may take than the longest operation. */
const DRAIN_MARGIN_MS = 5_000

/**
 * Starts the service; throws, having closed what it had opened, when a part cannot start. Stopping waits at most
 * `recordTimeoutMs` for a storage that fails.
 */
export async function startApp(
  config: Config,
  log: Logger,
  { recordTimeoutMs = RECORD_TIMEOUT_MS } = {},
): Promise<App> {
  const closers: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const sandboxUrl = config.upstreamUrl ? null : await startSandbox()
    const onError = (err: unknown) => log.error({ err }, 'something failed on our side')

    const metrics = createMetrics({
      pollJobs: () => ledger.countPollJobs(),
      subscribers: () => ledger.notifier.size,
      sockets: () => server.sockets(),
      breakers: () => upstream.breakers(),
    })
    closers.push(async () => metrics.stop())
    const tracing = config.otlpEndpoint ? await startTracing(config.otlpEndpoint) : null
    if (tracing) closers.push(() => tracing.stop())
    const operations = createOperations([
      logOperations(log),
      metrics.observe,
      ...(tracing ? [tracing.observe] : []),
    ])

    const ledger = await openLedger({
      dataDir: config.dataDir,
      databaseUrl: config.databaseUrl,
      secret: config.secret,
      onError,
      onUnrecorded: (created, err) =>
        log.error({ created, err }, 'sent to 0-0 and not recorded yet; tried until it is'),
      onRecorded: (created) => log.info({ created }, 'recorded after all'),
      onCall: metrics.onLedgerCall,
      polling: {
        firstPollMs: { asset: config.pace.asset.minMs, videoTask: config.pace.videoTask.minMs },
        deadlineMs: config.watchDeadlineMs,
      },
    })
    closers.push(() => ledger.close())

    const upstream = createUpstreamClient({
      url: config.upstreamUrl ?? sandboxUrl ?? '',
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
    const guard =
      heldKey === null ? guardCallersKeys(upstream) : guardHeldKey(upstream, onKeyRefused)
    const tracker = startTracker({
      ledger,
      // What it polls fails as 0-0 says, whoever's the key is.
      upstream: heldKey === null ? guard.upstream : upstream,
      heldKey,
      pace: config.pace,
      maxInFlight: Math.floor(config.upstreamMaxConcurrency / 2),
      maxRps: config.pollMaxRps,
      deadlineMs: config.watchDeadlineMs,
      leaseMs: leaseOf(config.pace),
      retentionMs: RETENTION_MS,
      onError,
      onLeaseLost: ({ kind, key }) => log.info({ kind, key }, 'lease lost'),
      onUnrecorded: (task) => log.error(task, 'a task was sent and could not be recorded'),
      onPoll: metrics.onPoll,
    })

    const background = new Set<Promise<unknown>>()
    closers.push(async () => {
      // What is still unrecorded after this is lost with the process; its ids are in the log.
      const timer = setTimeout(() => ledger.stopRetrying(), recordTimeoutMs)
      await Promise.all([tracker.stop(), backgroundEnded()])
      clearTimeout(timer)
    })
    /** One piece of work may begin another. */
    const backgroundEnded = async () => {
      while (background.size > 0) await Promise.allSettled(background)
    }
    const waitUntil = <T>(work: Promise<T>) => {
      background.add(work)
      const ended = () => background.delete(work)
      work.then(ended, ended)
      return work
    }

    const logRefused = logRefusedRequests(log)
    const onRefused = (refused: RefusedRequest) => {
      logRefused(refused)
      metrics.onRefused(refused)
    }
    const reads = createReads({
      upstream: guard.upstream,
      ledger,
      settledTtlMs: config.settledTtlMs,
    })
    const { corsOrigins } = config
    const persisted = config.persistedDocuments
      ? await readPersistedDocuments(config.persistedDocuments)
      : null
    const server = createServer({
      graphql: createGraphQLHandler({
        authenticate: createAuthenticate({
          config: config.identity,
          tenantOf: ledger.tenantOf,
          onError,
        }),
        limits: config.limits,
        publicSchema: config.publicSchema,
        persisted,
        services: {
          limits: config.limits,
          ledger,
          upstream: guard.upstream,
          isKeyRefused: guard.isRefused,
          reads,
          withTenantLock: createTenantLock(ledger.tenantLocks),
          waitUntil,
          onError,
        },
        log,
        operations,
        onRefused,
      }),
      page:
        config.publicSchema && persisted === null
          ? createGraphiQLPage({
              title: 'ZeroGraph',
              subscriptionsProtocol: 'WS',
              defaultTabs: tabs(sandboxUrl),
              headers: exampleHeaders(sandboxUrl),
              defaultEditorToolsVisibility: 'variables',
            })
          : null,
      metrics,
      limits: config.limits,
      corsOrigins,
      allowedHosts: config.allowedHosts,
      isReady: () => ledger.isReachable(),
      drainTimeoutMs: config.upstreamPostTimeoutMs + DRAIN_MARGIN_MS,
    })
    server.http.listen(config.port, config.host)
    await once(server.http, 'listening')
    closers.push(() => server.drain())

    const { port } = server.http.address() as AddressInfo
    return {
      url: `http://${hostInUrl(config.host)}:${port}`,
      sandboxUrl,
      listeners: () => ledger.notifier.size,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }

  /** OpenTelemetry is loaded only where it is used. */
  async function startTracing(endpoint: string): Promise<Tracing> {
    const { startTracing } = await import('./telemetry/tracing.ts')
    const onError = (err: unknown) => log.warn({ err }, 'traces cannot be sent')
    return startTracing({ endpoint, onError })
  }

  async function startSandbox(): Promise<string> {
    const { createSandbox } = await import('./sandbox/server.ts')
    const sandbox = await createSandbox({
      port: config.sandboxPort,
      host: config.host,
      dataDir: config.dataDir,
    })
    closers.push(() => sandbox.close())
    return sandbox.url
  }
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
