import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** The request ids that are accepted from clients: safe in logs and headers. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

const ids = new WeakMap<IncomingMessage, string>()

/** Returns the id of a request: a valid `x-request-id` header, or else a new UUID. Returns the same id on each call. */
export function requestIdOf(request: IncomingMessage): string {
  const id = ids.get(request) ?? clientIdOf(request) ?? randomUUID()
  ids.set(request, id)
  return id
}

function clientIdOf({ headers }: IncomingMessage): string | null {
  const id = headers['x-request-id']
  return typeof id === 'string' && REQUEST_ID.test(id) ? id : null
}
