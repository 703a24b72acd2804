import type { IncomingMessage, ServerResponse } from 'node:http'
import compression from 'compression'
import Negotiator from 'negotiator'

/** Below, compression would save less than a packet. */
const THRESHOLD_BYTES = 1_024

const compress = compression({ threshold: THRESHOLD_BYTES, filter: isJson })

/**
 * Makes `response` compress what is written to it when it turns out to be long JSON and the client accepts brotli or gzip.
 * Event streams are left alone: each event has to leave at once.
 */
export function compressJson(request: IncomingMessage, response: ServerResponse): void {
  compress(request, response, () => {})
}

/** Whether the client accepts gzip (RFC 9110, 12.5.3). */
export function acceptsGzip(request: IncomingMessage): boolean {
  return new Negotiator(request).encoding(['gzip', 'identity']) === 'gzip'
}

function isJson(_request: IncomingMessage, response: ServerResponse): boolean {
  return /^application\/(graphql-response\+)?json\b/.test(
    String(response.getHeader('content-type')),
  )
}
