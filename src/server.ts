import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import type { GraphiQLPage } from './graphiql.ts'
import type { GraphQLHandler } from './graphql-handler.ts'
import { requestIdOf } from './request-id.ts'
import { createWebSocketEndpoint } from './websocket.ts'

export interface ServerOptions {
  handler: GraphQLHandler
  page: GraphiQLPage
  /** Origins of other sites whose pages may come in. */
  corsOrigins: string[]
  /** Whether operations can be served now; decides `/ready`. */
  isReady(): Promise<boolean>
}

/** The HTTP server with everything it serves; it does not listen yet. */
export interface Server {
  readonly http: ReturnType<typeof createHttpServer>
  /**
   * Is not ready from now on and takes nothing new; lets running operations end; then closes streams and sockets
   * (WebSockets with 1001) and resolves.
   */
  drain(): Promise<void>
}

const ENDPOINT = '/graphql'

export function createServer({ handler, page, corsOrigins, isReady }: ServerOptions): Server {
  const webSockets = createWebSocketEndpoint(handler)
  const responses = new Set<ServerResponse>()
  let draining = false

  const http = createHttpServer((request, response) => {
    const requestId = requestIdOf(request)
    response.setHeader('x-request-id', requestId)
    responses.add(response)
    response.once('close', () => responses.delete(response))
    respond(request, response, requestId).catch(() => response.destroy())
  })
  http.on('upgrade', upgrade)

  async function respond(request: IncomingMessage, response: ServerResponse, requestId: string) {
    switch (pathOf(request)) {
      case '/':
        return redirect(response, ENDPOINT)
      case '/health':
        return answer(response, 200, { status: 'ok' })
      case '/ready': {
        const ready = !draining && (await isReady())
        return answer(response, ready ? 200 : 503, { ready })
      }
      case ENDPOINT:
        return respondToGraphQL(request, response, requestId)
      default:
        return fail(response, 404, 'NOT_FOUND', `There is nothing here. GraphQL is at ${ENDPOINT}.`)
    }
  }

  async function respondToGraphQL(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ) {
    if (page.wants(request)) return page.serve(request, response)
    if (draining) {
      response.setHeader('connection', 'close')
      return fail(response, 503, 'SERVICE_UNAVAILABLE', 'The service is shutting down.')
    }
    // Other types need no preflight, so another site's page could send them with a reader's cookies or from her network.
    if (request.method === 'POST' && !isJson(request.headers['content-type'])) {
      return fail(response, 415, 'BAD_REQUEST', 'POST takes application/json.')
    }
    await handler(request, response, { requestId })
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (pathOf(request) !== ENDPOINT) refuseUpgrade(socket, '404 Not Found')
    else if (draining) refuseUpgrade(socket, '503 Service Unavailable')
    else if (!isAllowed(request.headers)) refuseUpgrade(socket, '403 Forbidden')
    else webSockets.upgrade(request, socket, head)
  }

  /** Browsers name the page's origin and let any page open sockets; everyone else sends none. */
  function isAllowed({ origin, host }: IncomingMessage['headers']): boolean {
    if (origin === undefined || corsOrigins.includes(origin)) return true
    return URL.parse(origin)?.host === host
  }

  return {
    http,
    async drain() {
      draining = true
      const answers = [...responses].filter((response) => !isStream(response))
      await Promise.all([webSockets.drain(), ...answers.map(closed)])
      const end = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await end
    },
  }
}

function pathOf({ url }: IncomingMessage): string {
  return URL.parse(url ?? '/', 'http://localhost')?.pathname ?? '/'
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json'
}

function isStream(response: ServerResponse): boolean {
  return String(response.getHeader('content-type')).startsWith('text/event-stream')
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('close', resolve))
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location }).end()
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  answer(response, status, { errors: [{ message, extensions: { code } }] })
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
