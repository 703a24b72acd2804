import { createYoga, type YogaInitialContext } from 'graphql-yoga'
import type { Logger } from 'pino'
import { type Arrival, createContext, type Services } from './context.ts'
import { createErrorMapper } from './error-mapping.ts'
import type { Authenticate, Identity } from './identity.ts'
import { type OperationLimits, useLimits } from './limits.ts'
import { useOperationLog } from './operation-log.ts'
import {
  DOCUMENT_ID_PARAMS,
  type PersistedDocuments,
  usePersistedDocuments,
} from './persisted-documents.ts'
import { useHiddenSchema } from './public-schema.ts'
import { Refusal } from './resolvers/failure.ts'
import { schema } from './schema/index.ts'

export interface GraphQLHandlerOptions {
  services: Services
  authenticate: Authenticate
  log: Logger
  /** Origins whose pages may read answers; none by default. */
  corsOrigins: string[]
  limits: OperationLimits & { bodyBytes: number }
  /** Whether introspection and suggestions are for everybody. */
  publicSchema: boolean
  /** The only documents that are admitted; null: any. */
  persisted: PersistedDocuments | null
}

/** What whoever received an operation, over HTTP or WebSocket, hands on with it. */
export interface Received {
  requestId: string
  /** Told by connection_init, over WebSocket; over HTTP a header tells it. */
  identity?: Identity | Refusal | null
  signal?: AbortSignal
}

/** Executes operations however they came, and speaks GraphQL over HTTP with server-sent events for subscriptions. */
export function createGraphQLHandler(options: GraphQLHandlerOptions) {
  const { services, authenticate, log, corsOrigins, limits, publicSchema, persisted } = options
  const maskError = createErrorMapper((err) => log.error({ err }, 'unexpected error'))
  const yoga = createYoga<Received, { arrival: Arrival }>({
    schema,
    async context(received) {
      const arrival = await arrivalOf(received, authenticate)
      return { arrival, ...createContext(services, arrival) }
    },
    maskedErrors: { maskError },
    plugins: [
      useLimits(limits),
      ...(publicSchema ? [] : [useHiddenSchema()]),
      ...(persisted ? [usePersistedDocuments(persisted)] : []),
      useOperationLog(log),
    ],
    cors: corsOrigins.length > 0 && { origin: corsOrigins, credentials: false },
    maxRequestBodySize: limits.bodyBytes,
    multipart: false,
    extraParamNames: persisted ? DOCUMENT_ID_PARAMS : [],
    // The page and health are the server's.
    graphiql: false,
    landingPage: false,
    logging: false,
  })
  return { yoga, maskError, authenticate, persisted }
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
