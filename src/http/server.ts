import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import type { Metrics } from '../telemetry/metrics.ts'
import { createWebSocketEndpoint, type WebSocketLimits } from '../websocket/endpoint.ts'
import { findForeignHost, type Host } from './allowed-hosts.ts'
import { allowOrigins, answerOptions } from './cors.ts'
import type { GraphiQLPage } from './graphiql.ts'
import type { GraphQLHandler } from './graphql-handler.ts'
import { createOpenResponses } from './open-responses.ts'
import { type Rejection, rejectUpgrade, sendRejection } from './rejection.ts'
import { requestIdOf } from './request-id.ts'
import { compressJson } from './response-compression.ts'

export interface ServerOptions {
  graphql: GraphQLHandler
  /** Null: there is none to be seen. */
  page: GraphiQLPage | null
  metrics: Pick<Metrics, 'contentType' | 'text'>
  limits: WebSocketLimits
  /** Origins of other sites whose pages may come in. */
  corsOrigins: string[]
  /** Names under which the service may be called, loopback apart; null: any. */
  allowedHosts: Host[] | null
  /** Whether operations can be served now; decides `/ready`. */
  isReady(): Promise<boolean>
  /** The longest that draining waits for running operations. */
  drainTimeoutMs: number
}

/** The HTTP server with everything it serves; it does not listen yet. */
export interface Server {
  readonly http: ReturnType<typeof createHttpServer>
  /** How many WebSockets there are now. */
  sockets(): number
  /**
   * Is not ready from now on and takes nothing new; lets running operations end; then closes streams and sockets
   * (WebSockets with 1001) and resolves.
   */
  drain(): Promise<void>
}

const ENDPOINT = '/graphql'
const MAX_SHOWN_OF_A_HOST = 100

const NOT_FOUND: Rejection = {
  status: 404,
  code: 'NOT_FOUND',
  message: `There is nothing here. GraphQL is at ${ENDPOINT}.`,
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
  const shown = JSON.stringify(host.slice(0, MAX_SHOWN_OF_A_HOST))
  const message = `Requests to the host ${shown} are not accepted. ALLOWED_HOSTS adds host names.`
  return { status: 403, code: 'FORBIDDEN', message }
}

export function createServer(options: ServerOptions): Server {
  const { graphql, page, metrics, limits, corsOrigins, allowedHosts, isReady, drainTimeoutMs } =
    options
  const webSockets = createWebSocketEndpoint({ graphql, limits })
  const responses = createOpenResponses(graphql.isSubscription)
  let draining = false

  const http = createHttpServer({ shouldUpgradeCallback: isWebSocket }, (request, response) => {
    const requestId = requestIdOf(request)
    response.setHeader('x-request-id', requestId)
    responses.add(response)
    respond(request, response, requestId).catch(() => response.destroy())
  })
  http.on('upgrade', upgrade)

  async function respond(request: IncomingMessage, response: ServerResponse, requestId: string) {
    const reject = (rejection: Rejection) => {
      sendRejection(response, rejection, requestId)
      graphql.onRefused({ requestId, transport: 'http', ...rejection })
    }
    const path = pathOf(request)
    // Probes call the process by its address, and these two tell nothing.
    if (path === '/health') return answer(response, 200, { status: 'ok' })
    if (path === '/ready') {
      const ready = !draining && (await isReady())
      return answer(response, ready ? 200 : 503, { ready })
    }
    const foreignHost = allowedHosts && findForeignHost(allowedHosts, request)
    if (foreignHost !== null) return reject(hostRejection(foreignHost))
    switch (path) {
      case '/':
        return redirect(response, ENDPOINT)
      case '/metrics': {
        const text = await metrics.text()
        return response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
      }
      case ENDPOINT:
        allowOrigins(corsOrigins, request, response)
        compressJson(request, response)
        if (request.method === 'OPTIONS') return answerOptions(response)
        if (page?.wants(request)) return page.serve(request, response)
        if (!draining) return graphql.yoga(request, response, { requestId })
        response.setHeader('connection', 'close')
        return reject(SHUTTING_DOWN)
      default:
        return reject(NOT_FOUND)
    }
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const rejection = upgradeRejection(request)
    if (rejection === null) {
      webSockets.upgrade(request, socket, head)
      return
    }
    const requestId = requestIdOf(request)
    rejectUpgrade(socket, rejection, requestId)
    graphql.onRefused({ requestId, transport: 'websocket', ...rejection })
  }

  function upgradeRejection(request: IncomingMessage): Rejection | null {
    const foreignHost = allowedHosts && findForeignHost(allowedHosts, request)
    if (foreignHost !== null) return hostRejection(foreignHost)
    if (pathOf(request) !== ENDPOINT) return NOT_FOUND
    if (draining) return SHUTTING_DOWN
    return isAllowed(request.headers) ? null : FOREIGN_ORIGIN
  }

  /** Browsers name the page's origin and let any page open sockets; everyone else sends none. */
  function isAllowed({ origin, host }: IncomingMessage['headers']): boolean {
    if (origin === undefined || corsOrigins.includes(origin)) return true
    return URL.parse(origin)?.host === host
  }

  return {
    http,
    sockets: webSockets.sockets,
    async drain() {
      draining = true
      const patience = AbortSignal.timeout(drainTimeoutMs)
      await Promise.all([webSockets.drain(patience), responses.sent(patience)])
      const end = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await end
    },
  }
}

/** Any other upgrade, such as h2c, may be ignored (RFC 9110, 7.8), and the request is answered as it is. */
function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

function pathOf({ url }: IncomingMessage): string {
  return URL.parse(url ?? '/', 'http://localhost')?.pathname ?? '/'
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location }).end()
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}
