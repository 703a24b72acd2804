import packageJson from '../../package.json' with { type: 'json' }
import type { HttpRequest, Method } from './http-request.ts'
import type { Route } from './route.ts'
import { UpstreamError } from './upstream-error.ts'

/** A request to 0-0: what to send, and how to read the response. A read may take several attempts. */
export interface UpstreamRequest<T> {
  method: Method
  route: Route
  /** The entity that 0-0 does not know when it answers NOT_FOUND, e.g. `the asset Asset-1`. Absent when unclear. */
  entity?: string
  /** The id of the entity to read. Absent for a create. */
  id?: string
  query?: Record<string, string>
  /** Sent as JSON. Absent for a read. */
  body?: object
  /** Converts the JSON of a successful response. What it throws means that the response is invalid. */
  read: (json: unknown) => T
}

const USER_AGENT = `zerograph/${packageJson.version}`
/** The format of 0-0's ids is not documented. This excludes `..` and slashes, which would change the path. */
const ID = /^[A-Za-z0-9_-]{1,128}$/
const CREDENTIAL = /^[\x21-\x7e]+$/

/**
 * Builds the HTTP request of an UpstreamRequest. All headers are made here; none is copied from the
 * caller's request (upstream-api 1: some headers must never be sent).
 *
 * Throws an UpstreamError: NOT_FOUND when the id cannot be an id of 0-0, UNAUTHENTICATED when the key
 * has characters that a header cannot contain.
 */
export function buildHttpRequest(
  basePath: string,
  { method, route, id, query = {}, body }: UpstreamRequest<unknown>,
  { credential, requestId }: { credential: string; requestId: string },
): HttpRequest {
  if (!CREDENTIAL.test(credential)) throw new UpstreamError('UNAUTHENTICATED')
  const path = id === undefined ? basePath + route : `${basePath}${route}/${checkedId(id)}`
  const search = new URLSearchParams(query).toString()
  return {
    method,
    path: search === '' ? path : `${path}?${search}`,
    headers: {
      accept: 'application/json',
      'user-agent': USER_AGENT,
      authorization: `Bearer ${credential}`,
      'x-request-id': requestId,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  }
}

/** Returns the id. Throws an UpstreamError NOT_FOUND, without a request, when it cannot be an id of 0-0. */
export function checkedId(id: string): string {
  if (!ID.test(id)) throw new UpstreamError('NOT_FOUND')
  return id
}
