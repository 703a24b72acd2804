import { setTimeout as pause } from 'node:timers/promises'
import { RequestError } from '../model/failure.ts'
import { type UnavailableReason, unavailableReasonOf } from './storage-failure.ts'

const MESSAGES: Record<UnavailableReason, string> = {
  AWAY: 'The database of this service is not available.',
  FULL: 'The disk of the database of this service is full.',
  LOCKED: 'The database of this service is locked by another process.',
  READ_ONLY: 'The database of this service is read-only.',
  BROKEN: 'The database of this service cannot be read or written.',
  GONE: 'The database file of this service was deleted or replaced.',
}

/** Added to the message for callers: the service sends nothing to 0-0 that it cannot record. */
const NOT_SENT = 'Nothing was created at 0-0.'

/**
 * The storage of the ledger failed. The call wrote nothing, unless the connection to PostgreSQL broke during
 * the commit. The call can be retried later. `message` is safe to show to callers; `cause` is for logs.
 */
export class LedgerUnavailable extends RequestError {
  override readonly name = 'LedgerUnavailable'
  readonly reason: UnavailableReason
  constructor(reason: UnavailableReason, options?: ErrorOptions) {
    const message = MESSAGES[reason]
    super(
      { code: 'SERVICE_UNAVAILABLE', message: `${message} ${NOT_SENT}`, retryable: true },
      options,
    )
    this.message = message
    this.reason = reason
  }
}

/**
 * Wraps asynchronous calls so that they throw LedgerUnavailable when the storage failed, and other errors
 * unchanged. Each LedgerUnavailable is also passed to `onUnavailable`.
 */
export function typedErrors<Calls extends object>(
  calls: Calls,
  onUnavailable: (error: LedgerUnavailable) => void,
): Calls {
  const wrapped = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const result = call(...args)
      if (!(result instanceof Promise)) return result
      return result.catch((error) => {
        const failure = asLedgerUnavailable(error)
        if (!failure) throw error
        onUnavailable(failure)
        throw failure
      })
    },
  ])
  return Object.fromEntries(wrapped)
}

/** Converts a storage failure to LedgerUnavailable. Returns null for any other error. */
export function asLedgerUnavailable(error: unknown): LedgerUnavailable | null {
  if (error instanceof LedgerUnavailable) return error
  const reason = unavailableReasonOf(error)
  return reason && new LedgerUnavailable(reason, { cause: error })
}

/** Options of `persist`. */
interface PersistOptions {
  /** After the abort, `write` is attempted once more. */
  signal: AbortSignal
  /** Called with the first failure. `write` is retried after it. */
  onWaiting(error: LedgerUnavailable): void
  /** Called when `write` succeeds after a failure. */
  onRecovered(): void
}

const RETRY_MS = 200

/**
 * Calls `write`, retries it every 200 ms while the storage fails, and returns its result. Throws the last
 * LedgerUnavailable after `signal` is aborted, and any other error at once.
 */
export async function persist<T>(
  write: () => Promise<T>,
  { signal, onWaiting, onRecovered }: PersistOptions,
): Promise<T> {
  let hasFailed = false
  while (true) {
    try {
      const result = await write()
      if (hasFailed) onRecovered()
      return result
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error
      if (!hasFailed) onWaiting(error)
      hasFailed = true
      if (signal.aborted) throw error
      await pause(RETRY_MS, undefined, { signal }).catch(() => {})
      // An abort ends the pause early. The next failed attempt then throws.
    }
  }
}
