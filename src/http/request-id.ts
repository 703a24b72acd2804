import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What a caller's id may look like, so that it can stand in logs and headers. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** The id a request came with in `x-request-id`, or a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}
