import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GraphQLError } from 'graphql'
import {
  CloseCode,
  type CompleteMessage,
  type ConnectionInitMessage,
  MessageType,
  type SubscribeMessage,
} from 'graphql-ws'
import { createGraphQLError } from 'graphql-yoga'
import type { RawData, WebSocket } from 'ws'
import { tooManyConnections } from '../execution/connection-limit.ts'
import { formatError } from '../execution/error-mapping.ts'
import type { GraphQLHandler } from '../execution/graphql-handler.ts'
import { hasExpired, onExpiry } from '../model/expiry.ts'
import { RequestError } from '../model/failure.ts'
import { type IdentityResult, tenantOf } from '../model/identity.ts'
import { startKeepAlive } from './keep-alive.ts'
import { authorizationOf, duplicateReason, isSupported, readMessage } from './messages.ts'
import { type OperationMessage, type OperationOptions, runOperation } from './run-operation.ts'
import { sendMessage } from './send.ts'

/** Limits of WebSockets. */
export interface WebSocketLimits {
  /** Bytes of one message. */
  messageBytes: number
  /** Concurrent operations on one socket. */
  socketOperations: number
  /** Open sockets and event streams of one tenant. */
  tenantSockets: number
}

/** Options of `serveConnection`. */
interface ConnectionOptions {
  graphql: GraphQLHandler
  /** The id of the upgrade request. */
  requestId: string
  limits: WebSocketLimits
  /** Milliseconds in which a client must send connection_init. */
  initTimeoutMs: number
  /** Milliseconds between two pings. */
  keepAliveMs: number
  /** Returns whether new operations are refused. */
  isDraining(): boolean
  /** Called with each operation. The promise resolves when the operation is answered or starts a subscription. */
  track(answered: Promise<void>): void
}

/** One WebSocket connection. */
export interface Connection {
  /** Aborts all operations and closes the socket. */
  close(code: number, reason: string): void
}

/** An operation that the client has not completed. */
interface ActiveOperation {
  id: string
  /** Aborts when the client completes the operation or the socket closes. */
  abort: AbortController
}

/** The close code Try Again Later (IANA, WebSocket registry). Clients do not reconnect after 4429, a client error. */
const TRY_AGAIN_LATER = 1013

/**
 * Serves the graphql-transport-ws protocol on one socket
 * (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md).
 *
 * The server of graphql-ws is not used. It identifies an operation only by its id, so results of an operation that is
 * ending can be sent for the next operation with the same id. It also sends messages after a complete, accepts binary
 * messages, and sends internal error messages as close reasons (docs/decisions/0010).
 */
export function serveConnection(socket: WebSocket, options: ConnectionOptions): Connection {
  return new TransportConnection(socket, options)
}

class TransportConnection implements Connection {
  readonly #socket: WebSocket
  readonly #options: ConnectionOptions
  readonly #operations = new Map<string, ActiveOperation>()
  /** The number of operations whose execution has not ended, including those that the client has completed. */
  #running = 0
  /** The number of received operations, for request ids. */
  #received = 0
  #initReceived = false
  /** Undefined before the connection is acknowledged. */
  #identity: IdentityResult | undefined
  readonly #initTimer: NodeJS.Timeout
  /** Functions to call when the socket closes. */
  readonly #onClose: (() => void)[] = []

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    const { ConnectionInitialisationTimeout, SubprotocolNotAcceptable } = CloseCode
    this.#initTimer = setTimeout(
      () => this.close(ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
      options.initTimeoutMs,
    )
    // The timer of `onExpiry` stops while the machine sleeps.
    const checkExpiry = () => this.#isExpired() && this.#expire()
    this.#onClose.push(
      () => clearTimeout(this.#initTimer),
      startKeepAlive(socket, options.keepAliveMs, checkExpiry),
      () => this.#abortAll(),
    )
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    // Without a listener the process would end. ws itself closes the socket after an error of the client.
    socket.on('error', () => {})
    socket.once('close', () => {
      for (const end of this.#onClose) end()
    })
    if (!isSupported(socket.protocol)) {
      this.close(SubprotocolNotAcceptable, 'Subprotocol not acceptable')
    }
  }

  close(code: number, reason: string): void {
    this.#abortAll()
    this.#socket.close(code, reason)
  }

  #receive(data: RawData, isBinary: boolean) {
    // Ignore messages that arrived after the message that closed the socket.
    if (this.#socket.readyState !== this.#socket.OPEN) return
    const message = isBinary ? null : readMessage(String(data))
    switch (message?.type) {
      case MessageType.ConnectionInit:
        return void this.#initialise(message)
      case MessageType.Ping:
        return void this.#send({ type: MessageType.Pong, payload: message.payload ?? undefined })
      case MessageType.Pong:
        return
      case MessageType.Subscribe:
        return this.#subscribe(message)
      case MessageType.Complete:
        return this.#complete(message)
      default:
        this.close(CloseCode.BadRequest, 'Invalid message received')
    }
  }

  /** Authenticates the client, counts its connection, and acknowledges it. */
  async #initialise({ payload }: ConnectionInitMessage): Promise<void> {
    if (this.#initReceived) {
      return this.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    }
    this.#initReceived = true
    clearTimeout(this.#initTimer)
    const { graphql, limits } = this.#options
    let identity: IdentityResult
    try {
      identity = await graphql.identify(authorizationOf(payload))
    } catch (error) {
      graphql.maskError(error, '')
      return this.close(CloseCode.InternalServerError, 'Internal server error')
    }
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (identity instanceof RequestError && identity.failure.retryable) {
      return this.close(TRY_AGAIN_LATER, 'Try again later')
    }
    const release = graphql.connectionLimit.acquire(tenantOf(identity))
    if (!release) return this.close(TRY_AGAIN_LATER, tooManyConnections(limits.tenantSockets))
    this.#identity = identity
    this.#onClose.push(
      release,
      onExpiry(expiryOf(identity), () => this.#expire()),
    )
    await this.#send({ type: MessageType.ConnectionAck })
  }

  #subscribe({ id, payload }: SubscribeMessage) {
    const identity = this.#identity
    if (identity === undefined) return this.close(CloseCode.Unauthorized, 'Unauthorized')
    if (this.#operations.has(id)) {
      return this.close(CloseCode.SubscriberAlreadyExists, duplicateReason(id))
    }
    if (this.#isExpired()) return this.#expire()
    if (this.#options.isDraining()) return this.#refuse(id, SHUTTING_DOWN)

    const operation = { id, abort: new AbortController() }
    this.#operations.set(id, operation)
    this.#received += 1
    const requestId = `${this.#options.requestId}.${this.#received}`
    const answered = Promise.withResolvers<void>()
    this.#options.track(answered.promise)
    const ended = this.#run(operation, {
      request: { requestId, identity, signal: operation.abort.signal },
      params: payload,
      onStream: answered.resolve,
      send: (message) => this.#sendFor(operation, message),
    })
    void ended.finally(answered.resolve)
  }

  /** Runs an operation, unless the client has completed it or the socket has reached its limit. Resolves at its end. */
  async #run({ id, abort }: ActiveOperation, options: OperationOptions): Promise<void> {
    const { graphql, limits } = this.#options
    // An operation that was completed in the same packet may end within this turn of the event loop.
    if (this.#running >= limits.socketOperations) await nextTurn()
    if (abort.signal.aborted) return
    if (this.#running >= limits.socketOperations) {
      this.#operations.delete(id)
      return this.#refuse(id, tooManyOperations(limits.socketOperations))
    }
    this.#running += 1
    await runOperation(graphql, options)
    this.#running -= 1
  }

  #sendFor({ id, abort }: ActiveOperation, message: OperationMessage): Promise<void> {
    // After the client has completed the operation, it may use the id for another operation.
    if (abort.signal.aborted) return Promise.resolve()
    // Send neither `complete` nor `error`: after close code 4403 clients reconnect with new credentials.
    if (this.#isExpired()) return Promise.resolve(this.#expire())
    if (message.type !== 'next') this.#operations.delete(id)
    return this.#send({ id, ...message })
  }

  #complete({ id }: CompleteMessage): void {
    this.#operations.get(id)?.abort.abort()
    this.#operations.delete(id)
  }

  #refuse(id: string, error: GraphQLError): void {
    const payload = [formatError(error, this.#options.requestId)]
    void this.#send({ id, type: MessageType.Error, payload })
  }

  #send(message: object): Promise<void> {
    return sendMessage(this.#socket, message)
  }

  #isExpired(): boolean {
    return hasExpired(expiryOf(this.#identity))
  }

  #expire(): void {
    this.close(CloseCode.Forbidden, 'The credential has expired')
  }

  #abortAll(): void {
    for (const { abort } of this.#operations.values()) abort.abort()
    this.#operations.clear()
  }
}

const SHUTTING_DOWN = createGraphQLError('The service is shutting down.', {
  extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
})

function tooManyOperations(limit: number): GraphQLError {
  const message = `At most ${limit} operations may run at once on one socket (socketOperations).`
  return createGraphQLError(message, {
    extensions: { code: 'INVALID_INPUT', retryable: true, bound: 'socketOperations', limit },
  })
}

function expiryOf(identity: IdentityResult | undefined): number | null {
  return !identity || identity instanceof RequestError ? null : identity.expiresAt
}
