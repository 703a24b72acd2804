import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GraphQLError } from 'graphql'
import {
  CloseCode,
  type CompleteMessage,
  type ConnectionInitMessage,
  GRAPHQL_TRANSPORT_WS_PROTOCOL,
  type Message,
  MessageType,
  parseMessage,
  type SubscribeMessage,
} from 'graphql-ws'
import { createGraphQLError } from 'graphql-yoga'
import type { RawData, WebSocket } from 'ws'
import { hasExpired, onExpiry } from '../auth/expiry.ts'
import type { Identity } from '../auth/identity.ts'
import { tooManyConnections } from '../execution/connection-limit.ts'
import { formatError } from '../execution/error-mapping.ts'
import { tenantOf } from '../execution/operation-context.ts'
import { DOCUMENT_ID_PARAMS } from '../execution/persisted-documents.ts'
import { type GraphQLHandler, identityOf } from '../http/graphql-handler.ts'
import { RequestError } from '../resolvers/failure.ts'
import type { WebSocketLimits } from './endpoint.ts'
import { type Answer, type OperationOptions, runOperation } from './operation.ts'

export interface ConnectionOptions {
  graphql: GraphQLHandler
  /** The request id of the upgrade. */
  id: string
  limits: WebSocketLimits
  initWaitMs: number
  keepAliveMs: number
  /** `take` of the connection limit. */
  acquireConnection(tenant: string | null): (() => void) | null
  isDraining(): boolean
  /** Called with each operation that draining waits for; it resolves when it is answered or found to be a subscription. */
  track(answered: Promise<void>): void
}

interface Operation {
  id: string
  /** Aborts when the client completes the operation or the socket closes. */
  abort: AbortController
}

export interface Connection {
  /** Ends the operations at once and tells the client. */
  close(code: number, reason: string): void
}

/** Tells a client to come again later, as 4429, which it takes for its own fault, would not. */
const TRY_AGAIN_LATER = 1013
/** What may wait to be read by a client that still sends: more, and it is not listened to. */
const MAX_BUFFERED_BYTES = 256 * 1024
const MAX_REASON_BYTES = 123

/**
 * Speaks graphql-transport-ws over one socket, to the letter
 * (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md).
 *
 * Not with graphql-ws's own server: there an operation is only its id, so one that winds down answers in the name
 * of the next with that id and ends it; it also sends after a complete, takes binary messages, and closes with internal errors.
 */
export function serveConnection(socket: WebSocket, options: ConnectionOptions): Connection {
  const { graphql, limits, initWaitMs, keepAliveMs, acquireConnection, isDraining, track } = options
  /** By id: operations that the client takes for under way. */
  const operations = new Map<string, Operation>()
  /** Operations whose work has not ended, also when the client has completed them. */
  let running = 0
  let received = 0
  let initiated = false
  /** Undefined before the connection is acknowledged. */
  let identity: Identity | RequestError | null | undefined
  let releaseConnection: (() => void) | undefined
  let cancelExpiry = () => {}
  let alive = true

  const silence = setTimeout(
    () => close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
    initWaitMs,
  )
  const keepAlive = setInterval(() => {
    if (!alive) return socket.terminate()
    // The timer of `onExpiry` stands still while the machine sleeps.
    if (isExpired()) expire()
    alive = false
    socket.ping()
  }, keepAliveMs)

  socket.on('message', receive)
  socket.on('pong', () => {
    alive = true
  })
  // What the client did wrong is told by the code that ws closes with; a broken connection needs no word.
  socket.on('error', () => {})
  socket.once('close', () => {
    clearTimeout(silence)
    clearInterval(keepAlive)
    cancelExpiry()
    abortAll()
    releaseConnection?.()
  })
  if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
    close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
  }

  function receive(data: RawData, isBinary: boolean) {
    // What came in together with the message that closed the socket.
    if (socket.readyState !== socket.OPEN) return
    const message = isBinary ? null : messageOf(String(data))
    switch (message?.type) {
      case MessageType.ConnectionInit:
        return void initiate(message)
      case MessageType.Ping:
        return void send({ type: MessageType.Pong, payload: message.payload ?? undefined })
      case MessageType.Pong:
        return
      case MessageType.Subscribe:
        return subscribe(message)
      case MessageType.Complete:
        return complete(message)
      default:
        close(CloseCode.BadRequest, 'Invalid message received')
    }
  }

  async function initiate({ payload }: ConnectionInitMessage): Promise<void> {
    if (initiated) {
      return close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    }
    initiated = true
    clearTimeout(silence)
    let found: Identity | RequestError | null
    try {
      found = await identityOf(authorizationOf(payload), graphql.authenticate)
    } catch (error) {
      graphql.maskError(error, '')
      return close(CloseCode.InternalServerError, 'Internal server error')
    }
    if (socket.readyState !== socket.OPEN) return
    if (found instanceof RequestError && found.failure.retryable) {
      return close(TRY_AGAIN_LATER, 'Try again later')
    }
    const release = acquireConnection(tenantOf(found))
    if (!release) return close(TRY_AGAIN_LATER, tooManyConnections(limits.tenantSockets))
    releaseConnection = release
    identity = found
    cancelExpiry = onExpiry(expiryOf(found), expire)
    await send({ type: MessageType.ConnectionAck })
  }

  function subscribe({ id, payload }: SubscribeMessage) {
    if (identity === undefined) return close(CloseCode.Unauthorized, 'Unauthorized')
    if (operations.has(id)) return close(CloseCode.SubscriberAlreadyExists, duplicate(id))
    if (isExpired()) return expire()
    if (isDraining()) return refuse(id, SHUTTING_DOWN)

    const operation = { id, abort: new AbortController() }
    operations.set(id, operation)
    received += 1
    const requestId = `${options.id}.${received}`
    const answered = Promise.withResolvers<void>()
    track(answered.promise)
    const begun = begin(operation, {
      received: { requestId, identity, signal: operation.abort.signal },
      params: payload,
      onStream: answered.resolve,
      send: (answer) => respond(operation, answer),
    })
    void begun.finally(answered.resolve)
  }

  /** Runs the operation unless it is completed first or is one too many; resolves when its work has ended. */
  async function begin({ id, abort }: Operation, options: OperationOptions): Promise<void> {
    // What the client completed in the same packet may end within this turn of the event loop.
    if (running >= limits.socketOperations) await nextTurn()
    if (abort.signal.aborted) return
    if (running >= limits.socketOperations) {
      operations.delete(id)
      return refuse(id, tooMany(limits.socketOperations))
    }
    running += 1
    await runOperation(graphql, options)
    running -= 1
  }

  function respond({ id, abort }: Operation, answer: Answer): Promise<void> {
    // Once the client has completed the operation, it may use the id for another one.
    if (abort.signal.aborted) return Promise.resolve()
    // No `complete` and no `error`: with 4403 clients know that they may continue with a new credential.
    if (isExpired()) return Promise.resolve(expire())
    if (answer.type !== 'next') operations.delete(id)
    return send({ id, ...answer })
  }

  function refuse(id: string, error: GraphQLError) {
    void send({ id, type: MessageType.Error, payload: [formatError(error, options.id)] })
  }

  function complete({ id }: CompleteMessage) {
    operations.get(id)?.abort.abort()
    operations.delete(id)
  }

  function isExpired(): boolean {
    return hasExpired(expiryOf(identity))
  }

  function expire(): void {
    close(CloseCode.Forbidden, 'The credential has expired')
  }

  /** Resolves when the message has left this process, or never will. */
  function send(message: object): Promise<void> {
    return new Promise((resolve) => {
      socket.send(JSON.stringify(message), () => {
        if (socket.isPaused && socket.bufferedAmount <= MAX_BUFFERED_BYTES) socket.resume()
        resolve()
      })
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.pause()
    })
  }

  function close(code: number, reason: string): void {
    abortAll()
    socket.close(code, reason)
  }

  function abortAll(): void {
    for (const { abort } of operations.values()) abort.abort()
    operations.clear()
  }

  return { close }
}

const SHUTTING_DOWN = createGraphQLError('The service is shutting down.', {
  extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
})

function tooMany(limit: number): GraphQLError {
  const message = `At most ${limit} operations may run at once on one socket (socketOperations).`
  return createGraphQLError(message, {
    extensions: { code: 'INVALID_INPUT', retryable: true, bound: 'socketOperations', limit },
  })
}

/** Returns null when it is no message of the protocol. */
function messageOf(text: string): Message | null {
  try {
    const message = JSON.parse(text)
    // The parser insists on a text, which a document that is named by its id does not have.
    if (message.type === MessageType.Subscribe && namesDocument(message.payload)) {
      message.payload.query ??= ''
    }
    return parseMessage(message)
  } catch {
    return null
  }
}

/** Throws when the payload is no object. */
function namesDocument(payload: object): boolean {
  return [...DOCUMENT_ID_PARAMS, 'extensions'].some((name) => name in payload)
}

function authorizationOf(params: ConnectionInitMessage['payload']): string | null {
  const value = params?.Authorization ?? params?.authorization
  return typeof value === 'string' ? value : null
}

function expiryOf(identity: Identity | RequestError | null | undefined): number | null {
  return !identity || identity instanceof RequestError ? null : identity.expiresAt
}

function duplicate(id: string): string {
  const reason = `Subscriber for ${id} already exists`
  return Buffer.byteLength(reason) <= MAX_REASON_BYTES ? reason : 'Subscriber already exists'
}
