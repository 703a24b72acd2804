import type { UpstreamAttempt } from './upstream-attempt.ts'

/** What is known about a GraphQL operation when it begins. */
export interface Operation {
  requestId: string
  /** Hex hash of the tenant. Null without valid credentials, and when refused before authentication. */
  tenant: string | null
  /** Null when the document does not parse or has no matching operation. */
  type: 'query' | 'mutation' | 'subscription' | null
  /** The name in the document, cut after 64 characters; null when it has none. */
  name: string | null
  transport: 'http' | 'websocket'
  /** The unparsed `traceparent` header (W3C Trace Context); null when absent, and always null over a WebSocket. */
  traceparent: string | null
}

/** The state of an operation at one moment. */
export interface Progress {
  /** Milliseconds since the operation began. */
  durationMs: number
  /** Attempts sent to 0-0 for this operation. A shared read counts only for the operation that started it. */
  upstreamCalls: number
  /** Events delivered to the subscriber; 0 for a query or mutation. */
  events: number
  /** The distinct error codes of the operation, in order of first occurrence. */
  errors: string[]
}

/** Called once when an operation begins. Returns the functions to call as that operation proceeds. */
export type OperationObserver = (operation: Operation) => Observation

/** What an observer does at each step of one operation. */
interface Observation {
  /** Called when an upstream attempt has ended. This may happen after the operation has ended. */
  attempted?(attempt: UpstreamAttempt): void
  /** Called when a subscription has been established. */
  began?(progress: Progress): void
  /** Called exactly once, at the end. */
  ended(progress: Progress): void
}
