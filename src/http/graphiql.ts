import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import type { GraphiQLOptions } from 'graphql-yoga'
import { exampleHeaders, tabs } from './graphiql-tabs.ts'
import { acceptsGzip } from './response-compression.ts'

/** Serves the GraphiQL page. The page loads nothing from the internet. */
export interface GraphiQLPage {
  /** Whether a request is for the page, as a browser sends it, and not for data. */
  wants(request: IncomingMessage): boolean
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>
}

const RENDERER = fileURLToPath(new URL('./graphiql-render.ts', import.meta.url))
const MAX_PAGE_BYTES = 16 * 1024 * 1024

/**
 * Creates the page. Its tabs use the files of the sandbox, or need a key and a URL when `sandboxUrl` is null.
 *
 * The page has 9 MB of text. It is rendered at the first request, by a separate process whose memory is released when it
 * ends. Then it is kept compressed, and browsers cache it by its digest.
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
    // Weak, because it is used with and without compression (RFC 9110, 8.8.3).
    return { body, etag: `W/"${createHash('sha256').update(body).digest('base64url')}"` }
  }

  return {
    // Also with a query in the URL, where GraphiQL itself puts it.
    wants: ({ method, headers }) =>
      method === 'GET' && headers.accept?.includes('text/html') === true,
    async serve(request, response) {
      page ??= render().catch((error) => {
        page = undefined
        throw error
      })
      const { body, etag } = await page
      response.setHeader('etag', etag)
      response.setHeader('cache-control', 'no-cache')
      response.appendHeader('vary', 'accept, accept-encoding')
      if (request.headers['if-none-match'] === etag) {
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
