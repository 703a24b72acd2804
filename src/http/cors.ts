import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a browser may remember a preflight: as long as Chromium does at most. */
const MAX_AGE_SECONDS = 7_200

/**
 * Lets pages of `origins`, and of no other site, read the answer, whatever it will be (Fetch standard, 3.3). Credentials of
 * the browser are never asked for: whoever calls sends a key or a token in `Authorization`.
 */
export function allowOrigins(
  origins: readonly string[],
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  if (origins.length === 0) return
  // Also without Origin: a cache must not give that answer to a page.
  response.appendHeader('vary', 'origin')
  const { origin } = headers
  if (origin === undefined || !origins.includes(origin)) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', 'x-request-id')
  if (headers['access-control-request-method'] === undefined) return
  response.setHeader('access-control-allow-methods', 'GET, POST')
  response.setHeader('access-control-max-age', MAX_AGE_SECONDS)
  const requested = headers['access-control-request-headers']
  if (requested === undefined) return
  response.setHeader('access-control-allow-headers', requested)
  response.appendHeader('vary', 'access-control-request-headers')
}

/** Answers OPTIONS; a preflight is one, and its answer is in the headers that `allowOrigins` has set. */
export function answerOptions(response: ServerResponse): void {
  response.writeHead(204, { allow: 'GET, POST, OPTIONS' }).end()
}
