import { plainText } from './plain-text.ts'

/** Where the providers behind 0-0 say why an asset or a task failed; no document names the place. */
export interface FailureBody {
  error?: unknown
  Error?: unknown
  fail_reason?: unknown
  failure_reason?: unknown
}

/** One readable line such as `DownloadFailed: the URL gave 404`, from a text or from an object with code and message. */
export function readFailureReason(body: FailureBody): string | null {
  for (const value of [body.error, body.Error, body.fail_reason, body.failure_reason]) {
    const reason = plainText(describe(value))
    if (reason !== null) return reason
  }
  return null
}

/** `code: message`. The message may be an object with code and message itself (upstream-api 10.4), but only once. */
function describe(value: unknown, mayNest = true): string {
  if (typeof value !== 'object' || value === null) return stringify(value)
  const { Code, code = Code, Message, message = Message } = value as Record<string, unknown>
  if (code === undefined && message === undefined) return stringify(value)
  const words = mayNest ? describe(message, false) : stringify(message)
  return [stringify(code), words].filter(Boolean).join(': ')
}

/** Providers put any JSON where a text is expected. Empty for what says nothing, or is nested too deeply to be written. */
function stringify(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value ?? '')
  try {
    return Object.keys(value).length === 0 ? '' : JSON.stringify(value)
  } catch {
    return ''
  }
}
