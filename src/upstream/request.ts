import packageJson from '../../package.json' with { type: 'json' }
import { UpstreamError } from './errors.ts'
import type { HttpRequest, Method } from './exchange.ts'
import type { Route } from './route.ts'

export interface RequestOutline {
  method: Method
  route: Route
  /** The resource to read; a create has none. */
  id?: string
  query?: Record<string, string>
  body?: object
}

const USER_AGENT = `zerograph/${packageJson.version}`
/** Ids of 0-0 are opaque, but no path may be made of one that is `..` or holds a slash. */
const ID = /^[A-Za-z0-9_-]{1,128}$/
const CREDENTIAL = /^[\x21-\x7e]+$/

/**
 * The whole request, made from nothing: no header of any caller's passes through here. Throws NOT_FOUND for an id that
 * cannot be one of 0-0's and UNAUTHENTICATED for a key that no header can carry.
 */
export function buildRequest(
  basePath: string,
  { method, route, id, query = {}, body }: RequestOutline,
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

/** The id, when it can be one of 0-0's; otherwise it names nothing, and NOT_FOUND is thrown without asking. */
export function checkedId(id: string): string {
  if (!ID.test(id)) throw new UpstreamError('NOT_FOUND')
  return id
}
