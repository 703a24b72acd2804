import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a browser may cache the response to a preflight. Chromium caches it for at most two hours. */
const MAX_AGE_SECONDS = 7_200

/**
 * Sets the CORS headers that allow pages of `origins` to read the response, whatever its status (Fetch standard, 3.3).
 * Call it before the headers are sent. Browser credentials such as cookies are not allowed, because clients
 * authenticate with `Authorization`.
 */
export function allowOrigins(
  origins: readonly string[],
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  if (origins.length === 0) return
  // Also for a request without Origin: a cache must not use its response for a page.
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

/** Answers an OPTIONS request. For a preflight, `allowOrigins` must have set the CORS headers before. */
export function answerOptions(response: ServerResponse): void {
  response.writeHead(204, { allow: 'GET, POST, OPTIONS' }).end()
}
