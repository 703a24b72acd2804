import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What a caller's id may look like, so that it can stand in logs and headers. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

const known = new WeakMap<IncomingMessage, string>()

/** The id a request came with in `x-request-id`, or a new one; always the same for the same request. */
export function requestIdOf(request: IncomingMessage): string {
  const id = known.get(request) ?? givenId(request) ?? randomUUID()
  known.set(request, id)
  return id
}

function givenId({ headers }: IncomingMessage): string | null {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : null
}
