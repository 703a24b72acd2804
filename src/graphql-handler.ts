import { createYoga, type YogaInitialContext } from 'graphql-yoga'
import type { Logger } from 'pino'
import { type Arrival, createContext, type Services } from './context.ts'
import { createErrorMapper } from './error-mapping.ts'
import { useOperationLog } from './operation-log.ts'
import { schema } from './schema/index.ts'

export interface GraphQLHandlerOptions {
  services: Services
  log: Logger
  /** Origins whose pages may read answers; none by default. */
  corsOrigins: string[]
}

/** What whoever received an operation, over HTTP or WebSocket, hands on with it. */
export interface Received {
  requestId: string
  /** From connection_init, over WebSocket; over HTTP it is a header. */
  authorization?: string | null
  signal?: AbortSignal
}

const MAX_BODY_BYTES = 256 * 1024

/** Executes operations however they came, and speaks GraphQL over HTTP with server-sent events for subscriptions. */
export function createGraphQLHandler({ services, log, corsOrigins }: GraphQLHandlerOptions) {
  const maskError = createErrorMapper((err) => log.error({ err }, 'unexpected error'))
  const yoga = createYoga<Received, { arrival: Arrival }>({
    schema,
    context(received) {
      const arrival = arrivalOf(received)
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
  return { yoga, maskError }
}
export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>

function arrivalOf({
  requestId,
  authorization,
  signal,
  request,
}: Received & YogaInitialContext): Arrival {
  return {
    requestId,
    authorization:
      authorization === undefined ? request.headers.get('authorization') : authorization,
    signal: signal ?? request.signal,
  }
}
