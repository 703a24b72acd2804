import { plainText } from './plain-text.ts'

/**
 * The fields where providers put the reason why an asset or a video task failed. No document names
 * the field (upstream-api 2.2, 3.4 and 8).
 */
interface FailureBody {
  error?: unknown
  Error?: unknown
  fail_reason?: unknown
  failure_reason?: unknown
}

/**
 * Returns the reason of a failure as one line of plain text, such as
 * `DownloadFailed: the URL gave 404`. Null when no field has a usable text.
 */
export function readFailureReason(body: FailureBody): string | null {
  for (const value of [body.error, body.Error, body.fail_reason, body.failure_reason]) {
    const reason = plainText(describe(value))
    if (reason !== null) return reason
  }
  return null
}

/**
 * Formats `code: message`. The message can be an object with a code and a message itself, one level
 * deep (upstream-api 10.4).
 */
function describe(value: unknown, mayNest = true): string {
  if (typeof value !== 'object' || value === null) return stringify(value)
  const { Code, code = Code, Message, message = Message } = value as Record<string, unknown>
  if (code === undefined && message === undefined) return stringify(value)
  const text = mayNest ? describe(message, false) : stringify(message)
  return [stringify(code), text].filter(Boolean).join(': ')
}

/**
 * Converts any JSON value to text, because providers do not always send a string. Empty for null, an
 * empty object, and a value that is nested too deeply for JSON.stringify.
 */
function stringify(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value ?? '')
  try {
    return Object.keys(value).length === 0 ? '' : JSON.stringify(value)
  } catch {
    return ''
  }
}
