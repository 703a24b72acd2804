import { createYoga, type YogaInitialContext } from 'graphql-yoga'
import type { Logger } from 'pino'
import { type Arrival, createContext, type Services } from './context.ts'
import { createErrorMapper } from './error-mapping.ts'
import type { Authenticate, Identity } from './identity.ts'
import { useOperationLog } from './operation-log.ts'
import { Refusal } from './resolvers/failure.ts'
import { schema } from './schema/index.ts'

export interface GraphQLHandlerOptions {
  services: Services
  authenticate: Authenticate
  log: Logger
  /** Origins whose pages may read answers; none by default. */
  corsOrigins: string[]
}

/** What whoever received an operation, over HTTP or WebSocket, hands on with it. */
export interface Received {
  requestId: string
  /** Told by connection_init, over WebSocket; over HTTP a header tells it. */
  identity?: Identity | Refusal | null
  signal?: AbortSignal
}

const MAX_BODY_BYTES = 256 * 1024

/** Executes operations however they came, and speaks GraphQL over HTTP with server-sent events for subscriptions. */
export function createGraphQLHandler(options: GraphQLHandlerOptions) {
  const { services, authenticate, log, corsOrigins } = options
  const maskError = createErrorMapper((err) => log.error({ err }, 'unexpected error'))
  const yoga = createYoga<Received, { arrival: Arrival }>({
    schema,
    async context(received) {
      const arrival = await arrivalOf(received, authenticate)
      return { arrival, ...createContext(services, arrival) }
    },
    maskedErrors: { maskError },
    plugins: [useOperationLog(log)],
    cors: corsOrigins.length > 0 && { origin: corsOrigins, credentials: false },
    maxRequestBodySize: MAX_BODY_BYTES,
    multipart: false,
    // The page and health are the server's.
    graphiql: false,
    landingPage: false,
    logging: false,
  })
  return { yoga, maskError, authenticate }
}
export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>

async function arrivalOf(
  { requestId, identity, signal, request }: Received & YogaInitialContext,
  authenticate: Authenticate,
): Promise<Arrival> {
  return {
    requestId,
    identity:
      identity === undefined
        ? await identityOf(request.headers.get('authorization'), authenticate)
        : identity,
    signal: signal ?? request.signal,
  }
}

/** A credential that is no good fails the fields that need one, as a missing one does. */
export function identityOf(
  authorization: string | null,
  authenticate: Authenticate,
): Promise<Identity | Refusal | null> {
  return authenticate(authorization).catch((error) => {
    if (error instanceof Refusal) return error
    throw error
  })
}
