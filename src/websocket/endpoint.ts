import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { GraphQLHandler } from '../execution/graphql-handler.ts'
import { type Connection, serveConnection, type WebSocketLimits } from './connection.ts'
import { KEEP_ALIVE_MS } from './keep-alive.ts'

/** Options of the WebSocket endpoint. */
export interface WebSocketOptions {
  graphql: GraphQLHandler
  limits: WebSocketLimits
  /** The id of an upgrade request. */
  requestIdOf(request: IncomingMessage): string
  /** Milliseconds that a client has for its connection_init after the upgrade. */
  initTimeoutMs?: number
  /** Milliseconds between two pings. A client that has not answered the last one is disconnected. */
  keepAliveMs?: number
}

/** Accepts WebSockets. */
export interface WebSocketEndpoint {
  /** Takes over an upgrade request. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** How many sockets are open. */
  sockets(): number
  /**
   * Refuses new operations, waits until all received queries and mutations are answered, and closes every socket with
   * 1001. Stops waiting when `timeout` aborts.
   */
  drain(timeout: AbortSignal): Promise<void>
}

const INIT_TIMEOUT_MS = 3_000
/** Milliseconds that a client has to confirm that its socket is closed. */
const CLOSE_TIMEOUT_MS = 2_000

/** Creates the endpoint of graphql-transport-ws. */
export function createWebSocketEndpoint(options: WebSocketOptions): WebSocketEndpoint {
  const { graphql, limits, requestIdOf } = options
  const { initTimeoutMs = INIT_TIMEOUT_MS, keepAliveMs = KEEP_ALIVE_MS } = options
  const connections = new Set<Connection>()
  /** Draining waits for these. */
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

/** The types of ws do not know `closeTimeout` yet. */
type ServerOptions = ConstructorParameters<typeof WebSocketServer>[0]
