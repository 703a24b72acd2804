import { GraphQLError } from 'graphql'
import { createYoga, type GraphQLParams, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Authenticate } from '../auth/authenticate.ts'
import { RequestError } from '../model/failure.ts'
import type { IdentityResult, RequestContext } from '../model/identity.ts'
import type { Services } from '../resolvers/context.ts'
import { schema } from '../schema/index.ts'
import type { Operations } from '../telemetry/operation-observer.ts'
import type { RefusedRequest } from '../telemetry/refused-request.ts'
import { createConnectionLimit, useConnectionLimit } from './connection-limit.ts'
import { createContext } from './create-context.ts'
import { createDirectExecution } from './direct-execution.ts'
import { createDocumentCache } from './document-cache.ts'
import { useErrorExtensions } from './error-extensions.ts'
import { createErrorMapper } from './error-mapping.ts'
import { useGraphQLJs } from './graphql-js-executor.ts'
import { useHiddenSchema } from './hide-schema.ts'
import { type OperationLimits, useLimits } from './operation-limits.ts'
import {
  admitDocument,
  DOCUMENT_ID_PARAMS,
  type PersistedDocuments,
  usePersistedDocuments,
} from './persisted-documents.ts'
import { useReplayed } from './replayed.ts'

/** Options of `createGraphQLHandler`. */
interface GraphQLHandlerOptions {
  services: Services
  authenticate: Authenticate
  log: Logger
  operations: Operations
  /** Called for each request that is refused before an operation begins. */
  onRefused?: ((refused: RefusedRequest) => void) | undefined
  limits: OperationLimits & { bodyBytes: number; tenantSockets: number }
  /** Whether introspection and suggestions in error messages are enabled. */
  publicSchema: boolean
  /** The documents that are admitted; null: any document. */
  persisted: PersistedDocuments | null
  /** Additional plugins for GraphQL over HTTP. They run before the limits are checked. */
  httpPlugins?: HttpPlugins | undefined
}

/** Yoga plugins for GraphQL over HTTP, whose server context has the request id. */
export type HttpPlugins = Plugin<object, { requestId: string }>[]

/**
 * The input of the context factory. The WebSocket transport sets every property; over HTTP only the request id is set.
 */
export type ContextInput = Pick<RequestContext, 'requestId'> & Partial<RequestContext>

/** Executes the operations of HTTP and WebSocket. */
export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>

/**
 * Creates the handler. `yoga` serves GraphQL over HTTP, with event streams for subscriptions. The other properties are
 * for the WebSocket transport.
 */
export function createGraphQLHandler(options: GraphQLHandlerOptions) {
  const { authenticate, log, onRefused = () => {}, limits, persisted } = options
  const maskError = createErrorMapper({
    onUnexpected: (err) => log.error({ err }, 'unexpected error'),
  })
  const documents = createDocumentCache()
  const connectionLimit = createConnectionLimit(limits.tenantSockets)
  const identify = (authorization: string | null) => identityOf(authorization, authenticate)

  /**
   * Applies `admitDocument` to an operation over a WebSocket, where `onParams` of the plugin is not called. Throws the
   * GraphQLError of `admitDocument`.
   */
  function admit(params: GraphQLParams, requestId: string): GraphQLParams {
    try {
      return admitDocument(persisted, params)
    } catch (error) {
      if (error instanceof GraphQLError) {
        onRefused({ requestId, transport: 'websocket', status: null, ...codeAndMessageOf(error) })
      }
      throw error
    }
  }

  const yoga = createYoga<ContextInput, RequestContext>({
    schema,
    async context(received) {
      return createContext(options.services, await requestContextOf(received, identify))
    },
    maskedErrors: { maskError },
    plugins: [
      useGraphQLJs(),
      options.operations.plugin,
      useErrorExtensions(),
      usePersistedDocuments(persisted),
      ...(options.httpPlugins ?? []),
      documents.plugin,
      useReplayed(),
      useLimits(limits),
      useConnectionLimit(connectionLimit, limits.tenantSockets),
      ...(options.publicSchema ? [] : [useHiddenSchema()]),
    ],
    maxRequestBodySize: limits.bodyBytes,
    multipart: false,
    // useDocumentCache replaces it.
    parserAndValidationCache: false,
    extraParamNames: persisted ? DOCUMENT_ID_PARAMS : [],
    // http/server.ts implements CORS and the pages.
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  })
  const executeDirectly = createDirectExecution({ ...options, documents, maskError })
  return { yoga, executeDirectly, maskError, identify, admit, connectionLimit, onRefused }
}

/** Returns the code and the message of the error with which a request was refused, for logs and metrics. */
export function codeAndMessageOf({ message, extensions }: GraphQLError): {
  code: string
  message: string
} {
  return { code: String(extensions.code), message }
}

async function requestContextOf(
  { requestId, identity, signal, request }: ContextInput & YogaInitialContext,
  identify: (authorization: string | null) => Promise<IdentityResult>,
): Promise<RequestContext> {
  if (identity !== undefined) return { requestId, identity, signal: signal ?? request.signal }
  const { headers, signal: requestSignal } = request
  const found = await identify(headers.get('authorization'))
  const lastEventId = headers.get('last-event-id') || undefined
  return { requestId, identity: found, signal: requestSignal, lastEventId }
}

/** Returns the error for invalid credentials, so that only the fields that require an identity fail. */
async function identityOf(
  authorization: string | null,
  authenticate: Authenticate,
): Promise<IdentityResult> {
  try {
    return await authenticate(authorization)
  } catch (error) {
    if (error instanceof RequestError) return error
    throw error
  }
}
