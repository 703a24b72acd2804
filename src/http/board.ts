import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import { SANDBOX_KEY } from './graphiql-tabs.ts'
import { setPageHeaders } from './page-headers.ts'
import { readStaticFiles, type StaticFile, sendStaticFile } from './static-files.ts'

/** Serves the board: its page at `/`, its scripts and styles, and `/board.json`. */
export interface Board {
  /** Whether the path is one of the board. */
  has(path: string): boolean
  /** Responds to a request for a path of the board. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): void
}

/** The sandbox that this service started. */
interface BoardSandbox {
  url: string
  samples: { name: string; url: string; type: string; fails: boolean }[]
}

/** What the board asks for by identity mode of the service: a key of 0-0, a token, or nothing. */
const CREDENTIALS = { PASS_THROUGH: 'key', JWT: 'token', ANONYMOUS: 'none' } as const

/** Where `npm run prepare` builds the board. */
const FOLDER = fileURLToPath(new URL('../../examples/board/dist', import.meta.url))

/**
 * Reads the built board. Returns null when it is not built, and logs a warning. `sandbox` is null when the service
 * uses 0-0.
 */
export function openBoard(
  mode: keyof typeof CREDENTIALS,
  sandbox: BoardSandbox | null,
  log: { warn(message: string): void },
  folder = FOLDER,
): Board | null {
  const files = readStaticFiles(folder)
  if (files === null) {
    log.warn('the board is not built, so / redirects to GraphiQL; npm run prepare builds it')
    return null
  }
  return createBoard(files, {
    credential: CREDENTIALS[mode],
    sandbox: sandbox && { url: sandbox.url, key: SANDBOX_KEY, samples: sandbox.samples },
    graphiql: true,
    version: packageJson.version,
  })
}

const SETTINGS_PATH = '/board.json'

/** `settings` is what the board must know before it has a credential. Its README describes the fields. */
function createBoard(files: Map<string, StaticFile>, settings: object): Board {
  const json = JSON.stringify(settings)
  return {
    has: (path) => path === SETTINGS_PATH || files.has(path),
    serve(path, request, response) {
      setPageHeaders(response, CONTENT_SECURITY_POLICY)
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end()
        return
      }
      const file = files.get(path)
      if (file) return sendStaticFile(file, request, response)
      response.setHeader('cache-control', 'no-store')
      response.setHeader('content-length', Buffer.byteLength(json))
      response.setHeader('content-type', 'application/json; charset=utf-8')
      response.writeHead(200).end(json)
    },
  }
}

/**
 * Assets and videos have URLs on any host. `'self'` in connect-src includes WebSockets of the same host (CSP Level 3).
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src http: https: data:',
  'media-src http: https:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
