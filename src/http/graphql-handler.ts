import { GraphQLError } from 'graphql'
import { createYoga, type GraphQLParams, type YogaInitialContext } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Authenticate, Identity } from '../auth/identity.ts'
import { createConnectionLimit, useConnectionLimit } from '../execution/connection-limit.ts'
import { useDocumentCache } from '../execution/document-cache.ts'
import { createErrorMapper } from '../execution/error-mapping.ts'
import { useErrorRequestId } from '../execution/error-request-id.ts'
import { useHiddenSchema } from '../execution/hide-schema.ts'
import { type Arrival, createContext, type Services } from '../execution/operation-context.ts'
import { type OperationLimits, useLimits } from '../execution/operation-limits.ts'
import {
  admitDocument,
  DOCUMENT_ID_PARAMS,
  type PersistedDocuments,
  usePersistedDocuments,
} from '../execution/persisted-documents.ts'
import { RequestError } from '../resolvers/failure.ts'
import { schema } from '../schema/index.ts'
import { logOperations } from '../telemetry/operation-log.ts'
import { createOperations, type Operations } from '../telemetry/operation-observer.ts'
import type { RefusedRequest } from '../telemetry/refused-request.ts'
import { createSubscriptionResponses } from './open-responses.ts'
import { reasonOf, useRefusedRequests } from './refused-requests.ts'
import { useGetForQueries } from './reject-get-subscriptions.ts'
import { useRequestParser } from './request-parser.ts'

export interface GraphQLHandlerOptions {
  services: Services
  authenticate: Authenticate
  log: Logger
  /** Follows operations; absent: they are logged and that is all. */
  operations?: Operations
  /** Told of requests that are refused before they become operations. */
  onRefused?: (refused: RefusedRequest) => void
  limits: OperationLimits & { bodyBytes: number; tenantSockets: number }
  /** Whether introspection and suggestions are for everybody. */
  publicSchema: boolean
  /** The only documents that are admitted; null: any. */
  persisted: PersistedDocuments | null
}

/** What whoever received an operation, over HTTP or WebSocket, hands on with it. */
export interface Received {
  requestId: string
  /** Told by connection_init, over WebSocket; over HTTP a header tells it. */
  identity?: Identity | RequestError | null
  signal?: AbortSignal
}

/** Executes operations however they came, and speaks GraphQL over HTTP with server-sent events for subscriptions. */
export function createGraphQLHandler(options: GraphQLHandlerOptions) {
  const { services, authenticate, log } = options
  const { operations = createOperations([logOperations(log)]), onRefused = () => {} } = options
  const { limits, publicSchema, persisted } = options
  const maskError = createErrorMapper({
    onUnexpected: (err) => log.error({ err }, 'unexpected error'),
  })
  const connectionLimit = createConnectionLimit(limits.tenantSockets)
  const subscriptionResponses = createSubscriptionResponses()
  const yoga = createYoga<Received, { arrival: Arrival }>({
    schema,
    async context(received) {
      const arrival = await arrivalOf(received, authenticate)
      return { arrival, ...createContext(services, arrival) }
    },
    maskedErrors: { maskError },
    plugins: [
      operations.plugin,
      useErrorRequestId(),
      subscriptionResponses.plugin,
      useGetForQueries(),
      useDocumentCache(),
      useLimits(limits),
      useConnectionLimit(connectionLimit, limits.tenantSockets),
      ...(publicSchema ? [] : [useHiddenSchema()]),
      usePersistedDocuments(persisted),
      useRequestParser(),
      useRefusedRequests(operations, onRefused),
    ],
    maxRequestBodySize: limits.bodyBytes,
    multipart: false,
    // The document cache takes its place.
    parserAndValidationCache: false,
    extraParamNames: persisted ? DOCUMENT_ID_PARAMS : [],
    // These are the server's.
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  })

  /** `admitDocument` for an operation over a WebSocket, where the plugins for HTTP are not called. */
  function admit(params: GraphQLParams, requestId: string): GraphQLParams {
    try {
      return admitDocument(persisted, params)
    } catch (error) {
      if (error instanceof GraphQLError) {
        onRefused({ requestId, transport: 'websocket', status: null, ...reasonOf(error) })
      }
      throw error
    }
  }

  const isSubscription = subscriptionResponses.has
  return { yoga, maskError, authenticate, admit, connectionLimit, onRefused, isSubscription }
}
export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>

async function arrivalOf(
  { requestId, identity, signal, request }: Received & YogaInitialContext,
  authenticate: Authenticate,
): Promise<Arrival> {
  if (identity !== undefined) return { requestId, identity, signal: signal ?? request.signal }
  const found = await identityOf(request.headers.get('authorization'), authenticate)
  return { requestId, identity: found, signal: request.signal }
}

/** A credential that is no good fails the fields that need one, as a missing one does. */
export function identityOf(
  authorization: string | null,
  authenticate: Authenticate,
): Promise<Identity | RequestError | null> {
  return authenticate(authorization).catch((error) => {
    if (error instanceof RequestError) return error
    throw error
  })
}
