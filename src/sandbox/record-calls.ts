import { randomUUID } from 'node:crypto'
import type { HonoRequest, MiddlewareHandler } from 'hono'
import { authenticate } from './account.ts'
import { type ApiEnv, toResponse } from './api-context.ts'
import { type CallLog, type CallRecord, parseRecordedBody, redactHeaders } from './call-record.ts'
import { gatewayError } from './gateway-error.ts'

/** The body limit of the gateway (upstream-api 1). */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/**
 * Builds the middleware that records each request in `calls` and writes one log line per request.
 *
 * It answers two kinds of requests itself: bodies over 64 MiB with 413, without a record, and
 * requests that carry the provider's credentials with 400 (upstream-api 1 and 9.6).
 */
export function recordCalls(
  calls: CallLog,
  log: (line: Record<string, unknown>) => void,
): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const startedMs = performance.now()
    const { req } = context
    if (Number(req.header('content-length')) > MAX_BODY_BYTES) {
      context.res = toResponse(context, gatewayError.tooLarge())
      return
    }
    const record = await createRecord(req)
    calls.add(record)
    context.set('record', record)
    context.header('x-request-id', req.header('x-request-id') ?? randomUUID())
    if (hasProviderCredential(req)) {
      context.res = toResponse(context, gatewayError.providerCredential())
    } else {
      await next()
    }
    // Hono sets this header on responses that a connection fault ended: the client got no status.
    if (!context.res.headers.has('x-hono-already-sent')) record.status = context.res.status
    const { method, path, status } = record
    log({ event: 'call', method, path, status, ms: Math.round(performance.now() - startedMs) })
  }
}

async function createRecord(req: HonoRequest): Promise<CallRecord> {
  const authentication = authenticate(req.header('authorization'))
  return {
    at: new Date().toISOString(),
    method: req.method,
    path: req.path,
    query: req.query(),
    headers: redactHeaders(req.header()),
    body: parseRecordedBody(await req.text()),
    account: 'account' in authentication ? authentication.account : null,
    status: null,
  }
}

function hasProviderCredential(req: HonoRequest): boolean {
  return req.header('x-access-key') !== undefined || req.header('x-secret-key') !== undefined
}
