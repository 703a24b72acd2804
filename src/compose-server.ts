import type { Logger } from 'pino'
import { createAuthenticate } from './auth/authenticate.ts'
import type { Config } from './config.ts'
import { createGraphQLHandler } from './execution/graphql-handler.ts'
import { type PersistedDocuments, readPersistedDocuments } from './execution/persisted-documents.ts'
import { openBoard } from './http/board.ts'
import { createGraphiQLPage } from './http/graphiql.ts'
import { createHttpPlugins } from './http/http-plugins.ts'
import { createSchemaFiles } from './http/schema-files.ts'
import { createServer, type Server, type ServerOptions } from './http/server.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { WaitUntil } from './resolvers/background-work.ts'
import type { Services } from './resolvers/context.ts'
import type { KeyGuard } from './resolvers/key-refusal.ts'
import { createReads } from './resolvers/reads.ts'
import { createTenantLock } from './resolvers/tenant-lock.ts'
import type { Sandbox } from './sandbox/server.ts'
import { possibleTypes } from './schema/possible-types.ts'
import { printedSchema } from './schema/print.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Operations } from './telemetry/operation-observer.ts'
import { logRefusedRequests, type RefusedRequest } from './telemetry/refused-request.ts'
import { firstPollMsOf } from './tracking/schedule.ts'

/** Milliseconds that draining may take longer than the longest operation. */
const DRAIN_MARGIN_MS = 5_000

/** The parts from which the server is created. */
export interface ServerParts {
  config: Config
  log: Logger
  ledger: Ledger
  guard: KeyGuard
  metrics: Metrics
  operations: Operations
  sandbox: Sandbox | null
  waitUntil: WaitUntil
  onError(error: unknown): void
}

/** Creates the HTTP server with everything that it serves. Throws when the persisted documents cannot be read. */
export async function composeServer(parts: ServerParts): Promise<Server> {
  const { config, log, metrics, ledger, sandbox } = parts
  const persisted = config.persistedDocuments
    ? await readPersistedDocuments(config.persistedDocuments)
    : null
  // The pages send documents that a manifest does not contain.
  const hasPages = config.publicSchema && persisted === null
  return createServer({
    ...createGraphQLHandlerOf(parts, persisted),
    schemaFiles: config.publicSchema
      ? createSchemaFiles({ sdl: printedSchema, possibleTypes })
      : null,
    page: hasPages ? createGraphiQLPage(sandbox?.url ?? null) : null,
    board: hasPages && config.board ? openBoard(config.identity.mode, sandbox, log) : null,
    metrics,
    limits: config.limits,
    corsOrigins: config.corsOrigins,
    allowedHosts: config.allowedHosts,
    isReady: () => ledger.isReachable(),
    drainTimeoutMs: config.upstreamPostTimeoutMs + DRAIN_MARGIN_MS,
  })
}

function createGraphQLHandlerOf(
  parts: ServerParts,
  persisted: PersistedDocuments | null,
): Pick<ServerOptions, 'graphql' | 'isSubscription'> {
  const { config, log, ledger, metrics, operations, onError } = parts
  const logRefused = logRefusedRequests(log)
  const onRefused = (refused: RefusedRequest) => {
    logRefused(refused)
    metrics.onRefused(refused)
  }
  const { plugins, isSubscription } = createHttpPlugins(operations, onRefused)
  const graphql = createGraphQLHandler({
    authenticate: createAuthenticate({
      config: config.identity,
      tenantOf: ledger.tenantOf,
      onError,
    }),
    limits: config.limits,
    publicSchema: config.publicSchema,
    persisted,
    services: createServices(parts),
    log,
    operations,
    onRefused,
    httpPlugins: plugins,
  })
  return { graphql, isSubscription }
}

function createServices({ config, ledger, guard, waitUntil, onError }: ServerParts): Services {
  const { upstream, isRefused } = guard
  const { limits, terminalTtlMs } = config
  return {
    limits,
    ledger,
    upstream,
    isKeyRefused: isRefused,
    reads: createReads({ upstream, ledger, terminalTtlMs }),
    withTenantLock: createTenantLock(ledger.tenantLocks),
    firstPollMs: firstPollMsOf(config.pace),
    waitUntil,
    onError,
  }
}
