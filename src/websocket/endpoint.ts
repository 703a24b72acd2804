import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { GraphQLHandler } from '../execution/graphql-handler.ts'
import { type Connection, serveConnection, type WebSocketLimits } from './connection.ts'
import { KEEP_ALIVE_MS } from './keep-alive.ts'

/** Options of `createWebSocketEndpoint`. */
interface WebSocketOptions {
  graphql: GraphQLHandler
  limits: WebSocketLimits
  /** Returns the id of an upgrade request. */
  requestIdOf(request: IncomingMessage): string
  /** Milliseconds after the upgrade in which a client must send connection_init; absent: 3 s. */
  initTimeoutMs?: number
  /** Milliseconds between two pings; absent: KEEP_ALIVE_MS. A client that does not answer a ping is disconnected. */
  keepAliveMs?: number
}

/** Accepts WebSockets. */
interface WebSocketEndpoint {
  /** Accepts an upgrade request and serves its socket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Returns the number of open sockets. */
  sockets(): number
  /**
   * Refuses new operations, waits until all received queries and mutations are answered or `timeout` aborts, and closes
   * every socket with code 1001. Resolves when all sockets are closed.
   */
  drain(timeout: AbortSignal): Promise<void>
}

const INIT_TIMEOUT_MS = 3_000
/** Milliseconds in which a client must confirm a close. */
const CLOSE_TIMEOUT_MS = 2_000

/** Creates the endpoint for the graphql-transport-ws protocol. */
export function createWebSocketEndpoint(options: WebSocketOptions): WebSocketEndpoint {
  const { graphql, limits, requestIdOf } = options
  const { initTimeoutMs = INIT_TIMEOUT_MS, keepAliveMs = KEEP_ALIVE_MS } = options
  const connections = new Set<Connection>()
  /** Operations for which draining waits. */
  const answering = new Set<Promise<void>>()
  let draining = false
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.messageBytes,
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols,
  } as ServerOptions)
  server.on('headers', (headers, request) => headers.push(`x-request-id: ${requestIdOf(request)}`))

  function serve(socket: WebSocket, request: IncomingMessage): void {
    const connection = serveConnection(socket, {
      graphql,
      requestId: requestIdOf(request),
      limits,
      initTimeoutMs,
      keepAliveMs,
      isDraining: () => draining,
      track(answered) {
        answering.add(answered)
        void answered.then(() => answering.delete(answered))
      },
    })
    connections.add(connection)
    socket.once('close', () => connections.delete(connection))
  }

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (ws) => serve(ws, request))
    },
    sockets: () => connections.size,
    async drain(timeout) {
      draining = true
      await Promise.race([Promise.all(answering), aborted(timeout)])
      for (const connection of connections) connection.close(1001, 'Going away')
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The published types of ws lack `closeTimeout`. */
type ServerOptions = ConstructorParameters<typeof WebSocketServer>[0]
