import { execFile } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import type { GraphiQLOptions } from 'graphql-yoga'
import { hasEtag, weakEtagOf } from './etag.ts'
import { exampleHeaders, tabs } from './graphiql-tabs.ts'
import { setPageHeaders } from './page-headers.ts'
import { acceptsGzip } from './response-compression.ts'

/** Serves the GraphiQL page. The page loads no resource from another server. */
export interface GraphiQLPage {
  /** Whether a request accepts HTML, as a browser does, and so is for the page and not for data. */
  wants(request: IncomingMessage): boolean
  /** Sends the page. Rejects when rendering fails; the next request then renders it again. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>
}

const RENDERER = fileURLToPath(new URL('./graphiql-render.ts', import.meta.url))
const MAX_PAGE_BYTES = 16 * 1024 * 1024

/**
 * Creates the page, with the tabs of graphiql-tabs.ts.
 *
 * The page has 9 MB of text. It is rendered at the first request, in a separate process, so that the memory for
 * rendering is released. The compressed page is kept in memory, and browsers cache it with its digest as ETag.
 */
export function createGraphiQLPage(sandboxUrl: string | null): GraphiQLPage {
  const options: GraphiQLOptions = {
    title: 'ZeroGraph',
    subscriptionsProtocol: 'WS',
    defaultTabs: tabs(sandboxUrl),
    headers: exampleHeaders(sandboxUrl),
    defaultEditorToolsVisibility: 'variables',
  }
  let page: Promise<{ body: Buffer; etag: string }> | undefined

  async function render() {
    const { stdout: body } = await promisify(execFile)(
      process.execPath,
      [RENDERER, JSON.stringify(options)],
      { encoding: 'buffer', maxBuffer: MAX_PAGE_BYTES },
    )
    return { body, etag: weakEtagOf(body) }
  }

  return {
    // Also when the URL contains a query, because GraphiQL writes the query into the URL.
    wants: ({ method, headers }) =>
      method === 'GET' && headers.accept?.includes('text/html') === true,
    async serve(request, response) {
      page ??= render().catch((error) => {
        page = undefined
        throw error
      })
      const { body, etag } = await page
      // In a frame of another page, a click there could run an operation here.
      setPageHeaders(response, "frame-ancestors 'none'")
      response.setHeader('etag', etag)
      response.setHeader('cache-control', 'no-cache')
      response.appendHeader('vary', 'accept, accept-encoding')
      if (hasEtag(request, etag)) {
        response.writeHead(304).end()
        return
      }
      response.setHeader('content-type', 'text/html; charset=utf-8')
      if (!acceptsGzip(request)) return pipeline(Readable.from([body]), createGunzip(), response)
      response.setHeader('content-encoding', 'gzip')
      response.end(body)
    },
  }
}
