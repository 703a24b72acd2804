/** What a route answers: HTTP status, JSON body and extra headers. Faults may still change it. */
export interface Reply {
  status: number
  body: unknown
  headers?: Record<string, string>
}

/**
 * Returns a success of the provider: groups and assets arrive in this envelope (upstream-api 2).
 */
export function envelope(data: unknown): Reply {
  return { status: 200, body: { code: 200, msg: 'OK', data } }
}

/**
 * Returns an error of the provider: the error is in `code` and `msg`, and the HTTP status is 200
 * unless `status` says otherwise (upstream-api 5.5).
 */
export function providerError(code: number, msg: string, status = 200): Reply {
  return { status, body: { code, msg, data: null } }
}

/**
 * Formats a time for `created_at`. 0-0 sends Unix seconds; the other two forms test clients against
 * a change (upstream-api 2.3).
 */
export function formatTime(
  seconds: number,
  form: 'seconds' | 'ms' | 'iso' = 'seconds',
): number | string {
  if (form === 'iso') return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
  return form === 'ms' ? seconds * 1000 : seconds
}
