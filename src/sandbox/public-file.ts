import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { etag } from 'hono/etag'

/** Files that any page may play, with byte ranges and validators; they never change once written. */
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
