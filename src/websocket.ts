import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, type FormattedExecutionResult, GraphQLError } from 'graphql'
import type { Context as SocketContext, SubscribePayload } from 'graphql-ws'
import { type Extra, useServer } from 'graphql-ws/use/ws'
import { createGraphQLError } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { formatError, withCode } from './error-mapping.ts'
import { type GraphQLHandler, identityOf } from './graphql-handler.ts'
import type { Identity } from './identity.ts'
import { requestIdOf } from './request-id.ts'
import type { Refusal } from './resolvers/failure.ts'

export interface WebSocketEndpoint {
  /** Takes over an upgrade request for the endpoint. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Takes no new operation, lets those that answer once do so while there is patience, then closes every socket with 1001. */
  drain(patience: AbortSignal): Promise<void>
}

/** What is kept of a socket from connection_init on. */
interface Connection extends Record<PropertyKey, unknown> {
  id: string
  identity: Identity | Refusal | null
  operations: number
  closed: AbortController
}
type Socket = SocketContext<Record<string, unknown>, Extra & Partial<Connection>>

const MAX_MESSAGE_BYTES = 64 * 1024

/** Speaks graphql-transport-ws. */
export function createWebSocketEndpoint(graphql: GraphQLHandler): WebSocketEndpoint {
  const { yoga, maskError, authenticate } = graphql
  const running = new Set<Promise<unknown>>()
  let draining = false
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  })
  server.on('headers', (headers, request) => headers.push(`x-request-id: ${requestIdOf(request)}`))

  const { dispose } = useServer<Record<string, unknown>, Connection>(
    {
      async onConnect({ connectionParams, extra }) {
        extra.id = requestIdOf(extra.request)
        extra.identity = await identityOf(authorizationOf(connectionParams), authenticate)
        extra.operations = 0
        extra.closed = new AbortController()
      },
      onClose: ({ extra }) => extra.closed?.abort(),
      onSubscribe(socket, _id, payload) {
        if (draining) return [createGraphQLError('The service is shutting down.', UNAVAILABLE)]
        return prepare(yoga, socket, payload)
      },
      onNext: (_socket, _id, _payload, _args, { errors, ...result }) =>
        errors && ({ ...result, errors: errors.map(formatError) } as FormattedExecutionResult),
      onError: (_socket, _id, _payload, errors) =>
        errors.map((error) => formatError(maskError(error, 'Unexpected error.'))),
      execute: (args) => track(methodsOf(args).execute(args)),
      subscribe: (args) => methodsOf(args).subscribe(args),
    },
    server,
  )

  async function track<T>(work: Promise<T> | T): Promise<T> {
    const ending = Promise.resolve(work)
    running.add(ending)
    try {
      return await ending
    } finally {
      running.delete(ending)
    }
  }

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request))
    },
    async drain(patience) {
      draining = true
      const ended = Promise.allSettled(running)
      await Promise.race([
        ended,
        new Promise((resolve) => patience.addEventListener('abort', resolve)),
      ])
      await dispose()
    },
  }
}

const UNAVAILABLE = { extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true } }

type Enveloped = ReturnType<GraphQLHandler['yoga']['getEnveloped']>

/** Parses and validates as over HTTP. What is wrong with one operation is that operation's error and closes nothing. */
async function prepare(
  yoga: GraphQLHandler['yoga'],
  { extra }: Socket,
  params: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  extra.operations = (extra.operations ?? 0) + 1
  const received = {
    requestId: `${extra.id}.${extra.operations}`,
    identity: extra.identity ?? null,
    signal: extra.closed?.signal,
    params,
  }
  const { schema, parse, validate, contextFactory, execute, subscribe } = yoga.getEnveloped(
    received as never,
  )
  try {
    const document = parse(params.query)
    const errors = validate(schema, document) as GraphQLError[]
    if (errors.length > 0)
      return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'))
    return {
      schema,
      document,
      operationName: params.operationName,
      variableValues: params.variables,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe },
    }
  } catch (error) {
    if (error instanceof GraphQLError) return [withCode(error, 'GRAPHQL_PARSE_FAILED')]
    throw error
  }
}

/** The root value carries the functions that belong to the operation's own plugins. */
function methodsOf(args: ExecutionArgs): Pick<Enveloped, 'execute' | 'subscribe'> {
  return args.rootValue as Pick<Enveloped, 'execute' | 'subscribe'>
}

function authorizationOf(params: Record<string, unknown> | undefined): string | null {
  const value = params?.Authorization ?? params?.authorization
  return typeof value === 'string' ? value : null
}
