import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { CallRecord } from './call-record.ts'
import type { Reply } from './reply.ts'

/** Hono's environment on `/v1`: Node's request and response, and the record of this call. */
export type ApiEnv = { Bindings: HttpBindings; Variables: { record: CallRecord } }

/** Hono's context of one request to `/v1`. */
export type ApiContext = Context<ApiEnv>

/** Converts a reply to an HTTP response with a JSON body. */
export function toResponse(context: ApiContext, { status, body, headers }: Reply): Response {
  return context.json(body, status as 200, headers)
}
