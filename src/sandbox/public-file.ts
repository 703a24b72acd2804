import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { etag } from 'hono/etag'

/**
 * Serves the files of a folder under the mount path. Any origin may read them (CORS), in byte
 * ranges. The ETag is made of size and time of modification, because files never change once
 * written. An unknown file is passed on to the 404 handler.
 */
export function createPublicFiles(directory: string): Hono {
  const files = new Hono()
  files.use(
    cors({
      origin: '*',
      exposeHeaders: ['accept-ranges', 'content-length', 'content-range', 'etag'],
    }),
    etag(),
    async (context, next) => {
      await next()
      const { headers, status } = context.res
      if (status >= 400) return
      const size = headers.get('content-range')?.split('/')[1] ?? headers.get('content-length')
      const modified = Date.parse(headers.get('last-modified') ?? '')
      headers.set('accept-ranges', 'bytes')
      headers.set('etag', `"${modified.toString(36)}-${Number(size).toString(36)}"`)
      headers.set('cache-control', 'public, max-age=86400')
    },
    serveStatic({ root: directory, rewriteRequestPath: (path) => path.replace(/^\/[^/]+/, '') }),
  )
  return files
}
