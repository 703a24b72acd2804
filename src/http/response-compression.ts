import type { IncomingMessage, ServerResponse } from 'node:http'
import compression from 'compression'
import Negotiator from 'negotiator'

/** For shorter bodies, compression would save less than one packet. */
const THRESHOLD_BYTES = 1_024

const compress = compression({ threshold: THRESHOLD_BYTES, filter: isJson })

/**
 * Compresses the body of `response` when it is JSON of at least THRESHOLD_BYTES and the client accepts brotli or gzip.
 * Call it before the headers are sent. Event streams are not compressed, because each event must be sent at once.
 */
export function compressJson(request: IncomingMessage, response: ServerResponse): void {
  compress(request, response, () => {})
}

/** As `compressJson`, for a body that is known already. A short body costs nothing. */
export function compressLongJson(
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): void {
  if (Buffer.byteLength(body) >= THRESHOLD_BYTES) compressJson(request, response)
  else response.appendHeader('vary', 'Accept-Encoding')
}

/** Returns whether the client accepts gzip (RFC 9110, 12.5.3). */
export function acceptsGzip(request: IncomingMessage): boolean {
  return new Negotiator(request).encoding(['gzip', 'identity']) === 'gzip'
}

/** Returns the encoding of `available` to respond with: the one that the client prefers, brotli before gzip. */
export function preferredEncoding(request: IncomingMessage, available: string[]): string {
  return new Negotiator(request).encoding(available, ['br', 'gzip']) ?? 'identity'
}

function isJson(_request: IncomingMessage, response: ServerResponse): boolean {
  return /^application\/(graphql-response\+)?json\b/.test(
    String(response.getHeader('content-type')),
  )
}
