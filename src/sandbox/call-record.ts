import { fingerprint } from './account.ts'

/** One request to `/v1` as it arrived. Secrets are replaced by their fingerprints. */
export interface CallRecord {
  /** Time of arrival, ISO 8601 in UTC. */
  at: string
  method: string
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  /** Parsed JSON, or text when it is not JSON or longer than 16 Ki characters (then cut there). */
  body: unknown
  /** Null when the request has no valid key. */
  account: string | null
  /** The HTTP status. Null before the response, and when a fault cut the response off. */
  status: number | null
}

const MAX_CALLS = 1000
const MAX_BODY_LENGTH = 16 * 1024
const SECRET_HEADER = /^(authorization|proxy-authorization|cookie|x-(api|access|secret)-key)$/

/** The recorded requests, in memory. */
export interface CallLog {
  add(call: CallRecord): void
  /** Returns the records, oldest first. */
  list(): CallRecord[]
  clear(): void
}

/** Creates a log that keeps the last 1000 requests. */
export function createCallLog(): CallLog {
  const calls: CallRecord[] = []
  return {
    add: (call) => {
      calls.push(call)
      if (calls.length > MAX_CALLS) calls.shift()
    },
    list: () => calls,
    clear: () => {
      calls.length = 0
    },
  }
}

/** Returns the headers with the secret values replaced by fingerprints; `Bearer` stays readable. */
export function redactHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      SECRET_HEADER.test(name) ? value.replace(/\S+$/, fingerprint) : value,
    ]),
  )
}

/**
 * Returns the body for a record (see `CallRecord.body`), or null for an empty one. Never throws.
 */
export function parseRecordedBody(text: string): unknown {
  if (text === '') return null
  if (text.length > MAX_BODY_LENGTH) return text.slice(0, MAX_BODY_LENGTH)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
