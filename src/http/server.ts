import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import packageJson from '../../package.json' with { type: 'json' }
import type { GraphQLHandler } from '../execution/graphql-handler.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { WebSocketLimits } from '../websocket/connection.ts'
import { createWebSocketEndpoint } from '../websocket/endpoint.ts'
import { findForeignHost, type Host } from './allowed-hosts.ts'
import type { Board } from './board.ts'
import { allowOrigins, answerOptions } from './cors.ts'
import type { GraphiQLPage } from './graphiql.ts'
import { createJsonRoute, type JsonRoute } from './json-route.ts'
import { createOpenResponses } from './open-responses.ts'
import { type Rejection, rejectUpgrade, sendRejection } from './rejection.ts'
import { requestIdOf } from './request-id.ts'
import { compressJson } from './response-compression.ts'
import type { SchemaFiles } from './schema-files.ts'

/** Options of `createServer`. */
export interface ServerOptions {
  graphql: GraphQLHandler
  /** Returns whether a response is an event stream of a subscription. Draining does not wait for event streams. */
  isSubscription(response: ServerResponse): boolean
  /** The GraphiQL page; null: no page. */
  page: GraphiQLPage | null
  /** The files that describe the schema; null: the schema is hidden. */
  schemaFiles: SchemaFiles | null
  /** The board; null: `/` redirects to the endpoint. */
  board: Board | null
  metrics: Pick<Metrics, 'contentType' | 'text'>
  limits: WebSocketLimits & { bodyBytes: number }
  /** Origins of other sites whose pages may call this service (CORS). */
  corsOrigins: string[]
  /** Hosts that are allowed in addition to loopback; null: any host. */
  allowedHosts: Host[] | null
  /** Returns whether operations can be served now, for `/ready`. */
  isReady(): Promise<boolean>
  /** Maximum milliseconds that draining waits for running operations. */
  drainTimeoutMs: number
}

/** The HTTP server of the service. */
export interface Server {
  readonly http: ReturnType<typeof createHttpServer>
  /** Returns the number of open WebSockets. */
  sockets(): number
  /**
   * Answers `/ready` with 503, refuses new operations, waits for running operations, and closes streams and sockets
   * (WebSockets with code 1001). Resolves when the server is closed.
   */
  drain(): Promise<void>
}

const ENDPOINT = '/graphql'
const MAX_SHOWN_HOST_LENGTH = 100

const NOT_FOUND: Rejection = {
  status: 404,
  code: 'NOT_FOUND',
  message: `Not found. The GraphQL endpoint is ${ENDPOINT}.`,
}
const WRONG_METHOD: Rejection = {
  status: 405,
  code: 'BAD_REQUEST',
  message: 'This file is read-only: send GET or HEAD.',
}
const SHUTTING_DOWN: Rejection = {
  status: 503,
  code: 'SERVICE_UNAVAILABLE',
  message: 'The service is shutting down.',
}
const FOREIGN_ORIGIN: Rejection = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'WebSockets from pages of this origin are not accepted. CORS_ORIGINS adds origins.',
}

function hostRejection(host: string): Rejection {
  const shown = JSON.stringify(host.slice(0, MAX_SHOWN_HOST_LENGTH))
  const message = `Requests to the host ${shown} are not accepted. ALLOWED_HOSTS adds host names.`
  return { status: 403, code: 'FORBIDDEN', message }
}

/** Creates the server. The caller starts it with `http.listen`. */
export function createServer(options: ServerOptions): Server {
  const { graphql, limits, drainTimeoutMs } = options
  const webSockets = createWebSocketEndpoint({ graphql, limits, requestIdOf })
  const responses = createOpenResponses(options.isSubscription)
  const routes = { ...options, jsonRoute: createJsonRoute(graphql, limits.bodyBytes) }
  const state = { draining: false }

  const http = createHttpServer({ shouldUpgradeCallback: isWebSocket }, (request, response) => {
    response.setHeader('x-request-id', requestIdOf(request))
    responses.add(response)
    respond(routes, state.draining, request, response).catch(() => response.destroy())
  })
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const rejection = upgradeRejection(options, state.draining, request)
    if (rejection === null) return webSockets.upgrade(request, socket, head)
    const requestId = requestIdOf(request)
    rejectUpgrade(socket, rejection, requestId)
    graphql.onRefused({ requestId, transport: 'websocket', ...rejection })
  })

  return {
    http,
    sockets: webSockets.sockets,
    async drain() {
      state.draining = true
      const timeout = AbortSignal.timeout(drainTimeoutMs)
      await Promise.all([webSockets.drain(timeout), responses.sent(timeout)])
      const end = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await end
    },
  }
}

type Routes = ServerOptions & { jsonRoute: JsonRoute }

/** Routes a request. Resolves when its response has been written. */
async function respond(
  options: Routes,
  draining: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<unknown> {
  const { graphql, board, metrics, isReady, allowedHosts } = options
  const path = pathOf(request)
  // Probes use the IP address of the process, so these two routes accept any host. They contain no private data.
  if (path === '/health') {
    return sendJson(response, 200, { status: 'ok', version: packageJson.version })
  }
  if (path === '/ready') {
    const ready = !draining && (await isReady())
    return sendJson(response, ready ? 200 : 503, { ready })
  }
  const rejection = foreignHostRejection(allowedHosts, request)
  if (rejection === null) {
    if (board?.has(path)) return board.serve(path, request, response)
    switch (path) {
      case '/':
        return response.writeHead(302, { location: ENDPOINT }).end()
      case '/metrics': {
        const text = await metrics.text()
        return response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
      }
      case ENDPOINT:
        return respondToGraphQL(options, draining, request, response)
    }
    if (options.schemaFiles?.has(path)) return respondWithFile(options, path, request, response)
  }
  return reject(graphql, request, response, rejection ?? NOT_FOUND)
}

function respondWithFile(
  { graphql, schemaFiles, corsOrigins }: Routes,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  allowOrigins(corsOrigins, request, response)
  if (schemaFiles?.serve(path, request, response)) return
  response.setHeader('allow', 'GET, HEAD, OPTIONS')
  reject(graphql, request, response, WRONG_METHOD)
}

async function respondToGraphQL(
  { graphql, page, corsOrigins, jsonRoute }: Routes,
  draining: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<unknown> {
  allowOrigins(corsOrigins, request, response)
  if (request.method === 'OPTIONS') return answerOptions(response)
  if (page?.wants(request)) return page.serve(request, response)
  const requestId = requestIdOf(request)
  if (!draining) {
    const received = await jsonRoute(request, response, requestId)
    if (received === null) return null
    compressJson(request, response)
    return graphql.yoga(request, response, received)
  }
  response.setHeader('connection', 'close')
  return reject(graphql, request, response, SHUTTING_DOWN)
}

function reject(
  graphql: GraphQLHandler,
  request: IncomingMessage,
  response: ServerResponse,
  rejection: Rejection,
): void {
  const requestId = requestIdOf(request)
  sendRejection(response, rejection, requestId)
  graphql.onRefused({ requestId, transport: 'http', ...rejection })
}

/** Returns the rejection of an upgrade to a WebSocket, or null when it is allowed. */
function upgradeRejection(
  { allowedHosts, corsOrigins }: ServerOptions,
  draining: boolean,
  request: IncomingMessage,
): Rejection | null {
  const rejection = foreignHostRejection(allowedHosts, request)
  if (rejection) return rejection
  if (pathOf(request) !== ENDPOINT) return NOT_FOUND
  if (draining) return SHUTTING_DOWN
  return isAllowedOrigin(corsOrigins, request) ? null : FOREIGN_ORIGIN
}

function foreignHostRejection(
  allowedHosts: Host[] | null,
  request: IncomingMessage,
): Rejection | null {
  const foreignHost = allowedHosts && findForeignHost(allowedHosts, request)
  return foreignHost === null ? null : hostRejection(foreignHost)
}

/** Browsers allow any page to open a WebSocket and send the origin of the page. Other clients send no origin. */
function isAllowedOrigin(
  corsOrigins: string[],
  { headers: { origin, host } }: IncomingMessage,
): boolean {
  if (origin === undefined || corsOrigins.includes(origin)) return true
  return URL.parse(origin)?.host === host
}

/** Any other upgrade, such as h2c, is ignored and the request is answered normally (RFC 9110, 7.8). */
function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

function pathOf({ url = '/' }: IncomingMessage): string {
  // Parsing every URL would take longer than routing it.
  if (url === ENDPOINT) return url
  return URL.parse(url, 'http://localhost')?.pathname ?? '/'
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}
