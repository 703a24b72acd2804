import { existsSync, globSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { getMimeType } from 'hono/utils/mime'
import { hasEtag, weakEtagOf } from './etag.ts'
import { preferredEncoding } from './response-compression.ts'

/** A file that is served from memory. */
export interface StaticFile {
  type: string
  /** Made by `weakEtagOf`. */
  etag: string
  /** Whether the name contains a hash of the contents, so that the contents never change. */
  isImmutable: boolean
  /** The contents, as they are and compressed. */
  bodies: Partial<Record<string, Buffer>> & { identity: Buffer }
}

/** The suffixes of compressed files by encoding. The build writes them beside each file. */
const SUFFIXES = { br: '.br', gzip: '.gz' }
/** The build puts files whose names contain a hash, and only those, into this folder. */
const HASHED = 'assets/'

/**
 * Reads all files in `folder`. Returns them by path below `/`, or null when the folder has no index.html, which is
 * served as `/`. Requests are looked up in this map and never in the file system.
 */
export function readStaticFiles(folder: string): Map<string, StaticFile> | null {
  if (!existsSync(join(folder, 'index.html'))) return null
  const names = globSync('**/*.*', { cwd: folder }).map((name) => name.replaceAll('\\', '/'))
  const known = new Set(names)
  const isCompressed = (name: string) =>
    Object.values(SUFFIXES).some(
      (end) => name.endsWith(end) && known.has(name.slice(0, -end.length)),
    )
  return new Map(
    names
      .filter((name) => !isCompressed(name))
      .map((name) => [name === 'index.html' ? '/' : `/${name}`, readStaticFile(folder, name)]),
  )
}

/** Responds to a GET or HEAD request with the file, compressed when the client accepts it, or with 304. */
export function sendStaticFile(
  file: StaticFile,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.setHeader('etag', file.etag)
  response.setHeader('cache-control', file.isImmutable ? IMMUTABLE : 'no-cache')
  response.appendHeader('vary', 'accept-encoding')
  if (hasEtag(request, file.etag)) {
    response.writeHead(304).end()
    return
  }
  const encoding = preferredEncoding(request, Object.keys(file.bodies))
  const body = file.bodies[encoding] ?? file.bodies.identity
  if (body !== file.bodies.identity) response.setHeader('content-encoding', encoding)
  response.writeHead(200, { 'content-type': file.type, 'content-length': body.length }).end(body)
}

const IMMUTABLE = 'public, max-age=31536000, immutable'

/** Creates a file from its contents. The ETag depends on these alone. */
export function createStaticFile(file: Omit<StaticFile, 'etag'>): StaticFile {
  return { ...file, etag: weakEtagOf(file.bodies.identity) }
}

function readStaticFile(folder: string, name: string): StaticFile {
  const identity = readFileSync(join(folder, name))
  const compressed = Object.entries(SUFFIXES).flatMap(([encoding, suffix]) => {
    const path = join(folder, `${name}${suffix}`)
    return existsSync(path) ? [[encoding, readFileSync(path)] as const] : []
  })
  return createStaticFile({
    type: getMimeType(name) ?? 'application/octet-stream',
    isImmutable: name.startsWith(HASHED),
    bodies: { ...Object.fromEntries(compressed), identity },
  })
}
