import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { createGraphiQLPage } from './graphiql.ts'
import { createGraphQLHandler } from './graphql-handler.ts'
import { openLedger } from './ledger/ledger.ts'
import { createReads } from './resolvers/reads.ts'
import { createServer } from './server.ts'
import { tabs } from './tabs.ts'
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

/** Transitions are kept for as long as a subscriber may pause. */
const TRANSITION_RETENTION_MS = 24 * 3_600_000
/** How much longer a claim on a poll lasts than the poll may. */
const LEASE_MARGIN_MS = 5_000

/** Starts the service; throws, having closed what it had opened, when a part cannot start. */
export async function startApp(config: Config, log: Logger): Promise<App> {
  const closers: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const sandboxUrl = config.upstreamUrl ? null : await startSandbox()
    const onError = (err: unknown) => log.error({ err }, 'something failed on our side')

    const ledger = await openLedger({
      dataDir: config.dataDir,
      secret: config.secret,
      watch: {
        firstPollMs: { asset: config.pace.asset.minMs, videoTask: config.pace.videoTask.minMs },
        deadlineMs: config.watchDeadlineMs,
      },
    })
    closers.push(() => ledger.close())

    const upstream = createUpstreamClient({
      url: config.upstreamUrl ?? sandboxUrl ?? '',
      maxConcurrency: config.upstreamMaxConcurrency,
      getTimeoutMs: config.upstreamGetTimeoutMs,
      postTimeoutMs: config.upstreamPostTimeoutMs,
      onCall: (call) => log.debug(call, 'upstream call'),
    })
    closers.push(() => upstream.close())

    const tracker = startTracker({
      ledger,
      upstream,
      pace: config.pace,
      maxInFlight: Math.floor(config.upstreamMaxConcurrency / 2),
      maxRps: config.pollMaxRps,
      leaseMs: config.upstreamGetTimeoutMs + LEASE_MARGIN_MS,
      retentionMs: TRANSITION_RETENTION_MS,
      onError,
    })
    closers.push(() => tracker.stop())

    const reads = createReads({ upstream, ledger, settledTtlMs: config.settledTtlMs })
    const { corsOrigins } = config
    const server = createServer({
      handler: createGraphQLHandler({
        services: { ledger, upstream, reads, onError },
        log,
        corsOrigins,
      }),
      page: createGraphiQLPage({
        title: 'ZeroGraph',
        subscriptionsProtocol: 'WS',
        defaultTabs: tabs(sandboxUrl),
      }),
      corsOrigins,
      isReady: () => ledger.isReachable(),
    })
    server.http.listen(config.port, config.host)
    await once(server.http, 'listening')
    closers.push(() => server.drain())

    const { port } = server.http.address() as AddressInfo
    return {
      url: `http://${hostInUrl(config.host)}:${port}`,
      sandboxUrl,
      listeners: () => ledger.nudges.size,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
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
