import type { IncomingMessage, ServerResponse } from 'node:http'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { createStaticFile, type StaticFile, sendStaticFile } from './static-files.ts'

/** The files that describe the schema, for tools of clients. */
export interface SchemaFiles {
  /** Returns whether there is a file at this path. */
  has(path: string): boolean
  /** Answers GET, HEAD and OPTIONS for the file at this path. Returns false for any other method. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean
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
      sendStaticFile(file(), request, response)
      return true
    },
  }
}

function fileOf(type: string, text: string): StaticFile {
  const identity = Buffer.from(text)
  return createStaticFile({
    type: `${type}; charset=utf-8`,
    // The next version of the service may have another schema.
    isImmutable: false,
    bodies: {
      identity,
      br: brotliCompressSync(identity, { params: BROTLI }),
      gzip: gzipSync(identity),
    },
  })
}

/** The highest quality, the default, would stop the service for 0.1 s. */
const BROTLI = { [constants.BROTLI_PARAM_QUALITY]: 6 }

function once<T>(create: () => T): () => T {
  let value: { created: T } | undefined
  return () => {
    value ??= { created: create() }
    return value.created
  }
}
