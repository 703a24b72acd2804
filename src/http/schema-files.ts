import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { compressText } from './response-compression.ts'

/** The files that describe the schema, for tools of clients. */
export interface SchemaFiles {
  /** Returns whether there is a file at this path. */
  has(path: string): boolean
  /** Answers GET, HEAD and OPTIONS for the file at this path. Returns false for any other method. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean
}

interface File {
  type: string
  body: Buffer
  etag: string
}

/** Creates the files. `sdl` and `possibleTypes` are called at the first request for their file. */
export function createSchemaFiles(sources: {
  /** Returns the schema in SDL. */
  sdl(): string
  /** Returns the object types of each interface and union, by name. */
  possibleTypes(): Record<string, string[]>
}): SchemaFiles {
  const files = new Map([
    // Browsers show plain text. They download application/graphql.
    ['/schema.graphql', once(() => fileOf('text/plain', sources.sdl()))],
    [
      '/possible-types.json',
      once(() => fileOf('application/json', JSON.stringify(sources.possibleTypes()))),
    ],
  ])
  return {
    has: (path) => files.has(path),
    serve(path, request, response) {
      const file = files.get(path)
      if (file === undefined) return false
      if (request.method === 'OPTIONS') {
        response.writeHead(204, { allow: 'GET, HEAD, OPTIONS' }).end()
        return true
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') return false
      send(file(), request, response)
      return true
    },
  }
}

function fileOf(type: string, text: string): File {
  const body = Buffer.from(text)
  // Weak, because the compressed and the uncompressed file have the same ETag (RFC 9110, 8.8.3).
  const etag = `W/"${createHash('sha256').update(body).digest('base64url')}"`
  return { type: `${type}; charset=utf-8`, body, etag }
}

function send(
  { type, body, etag }: File,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.setHeader('etag', etag)
  // The next version of the service may have another schema.
  response.setHeader('cache-control', 'no-cache')
  if (hasEtag(request, etag)) {
    response.appendHeader('vary', 'accept-encoding')
    response.writeHead(304).end()
    return
  }
  response.setHeader('content-type', type)
  compressText(request, response)
  if (request.method === 'HEAD') response.end()
  else response.end(body)
}

/** Compares as RFC 9110, 13.1.2 requires: with any of several tags, and without regard to weakness. */
function hasEtag({ headers }: IncomingMessage, etag: string): boolean {
  const sent = headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return sent?.some((tag) => tag === '*' || `W/${tag}` === etag) ?? false
}

function once<T>(create: () => T): () => T {
  let value: { created: T } | undefined
  return () => {
    value ??= { created: create() }
    return value.created
  }
}
