import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { GraphQLHandler } from '../http/graphql-handler.ts'
import { requestIdOf } from '../http/request-id.ts'
import { type Connection, serveConnection } from './connection.ts'

export interface WebSocketLimits {
  messageBytes: number
  /** Operations at once on one socket. */
  socketOperations: number
  /** Sockets at once of one tenant. */
  tenantSockets: number
}

export interface WebSocketOptions {
  graphql: GraphQLHandler
  limits: WebSocketLimits
  /** How long after the upgrade a client may take to begin. */
  initWaitMs?: number
  /** The time between two pings; a client that has not answered the last one when the next is due is gone. */
  keepAliveMs?: number
}

export interface WebSocketEndpoint {
  /** Takes over an upgrade request for the endpoint. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** How many sockets there are now. */
  sockets(): number
  /**
   * Refuses new operations, waits until the queries and mutations that have arrived are answered, also those still being
   * prepared, and closes every socket with 1001. Waits no longer once `patience` aborts.
   */
  drain(patience: AbortSignal): Promise<void>
}

const INIT_WAIT_MS = 3_000
const KEEP_ALIVE_MS = 12_000
/** How long a client may take to confirm that its socket is closed. */
const CLOSE_TIMEOUT_MS = 2_000

/** Speaks graphql-transport-ws. */
export function createWebSocketEndpoint(options: WebSocketOptions): WebSocketEndpoint {
  const { graphql, limits, initWaitMs = INIT_WAIT_MS, keepAliveMs = KEEP_ALIVE_MS } = options
  const connections = new Set<Connection>()
  /** What draining waits for. */
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
      id: requestIdOf(request),
      limits,
      initWaitMs,
      keepAliveMs,
      acquireConnection: graphql.connectionLimit.take,
      isDraining: () => draining,
      track(work) {
        answering.add(work)
        void work.then(() => answering.delete(work))
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
    async drain(patience) {
      draining = true
      await Promise.race([Promise.all(answering), aborted(patience)])
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
