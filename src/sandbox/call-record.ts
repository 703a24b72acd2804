import { fingerprint } from './account.ts'

/** One request to the API as it arrived, without its secrets. */
export interface CallRecord {
  at: string
  method: string
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  /** Parsed JSON where it parses, else the text; the first 16 KB. */
  body: unknown
  account: string | null
  /** Null while unanswered, and for ever when a fault cut the answer short. */
  status: number | null
}

const KEPT_CALLS = 1000
const KEPT_BODY_LENGTH = 16 * 1024
const SECRET_HEADER = /^(authorization|proxy-authorization|cookie|x-(api|access|secret)-key)$/

export interface CallLog {
  add(call: CallRecord): void
  list(): CallRecord[]
  clear(): void
}

/** Remembers the last thousand calls, oldest first. */
export function createCallLog(): CallLog {
  const calls: CallRecord[] = []
  return {
    add: (call) => {
      calls.push(call)
      if (calls.length > KEPT_CALLS) calls.shift()
    },
    list: () => calls,
    clear: () => {
      calls.length = 0
    },
  }
}

export function redact(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      SECRET_HEADER.test(name) ? value.replace(/\S+$/, fingerprint) : value,
    ]),
  )
}

export function readableBody(text: string): unknown {
  if (text === '') return null
  if (text.length > KEPT_BODY_LENGTH) return text.slice(0, KEPT_BODY_LENGTH)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
