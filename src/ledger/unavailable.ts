import { setTimeout as pause } from 'node:timers/promises'
import { type UnavailableReason, unavailableReasonOf } from './storage-failure.ts'

const MESSAGES: Record<UnavailableReason, string> = {
  AWAY: 'The database of this service is away.',
  FULL: 'The disk of the database of this service is full.',
  LOCKED: 'The database of this service is locked by another process.',
  READ_ONLY: 'The database of this service is read-only.',
  BROKEN: 'The database of this service cannot be read or written.',
  GONE: 'The database file of this service was deleted or replaced.',
}

/**
 * The storage of the ledger failed: nothing of the call was written, unless the connection to PostgreSQL broke during
 * the commit. The same call may succeed later. `message` is safe to show; `cause` is for logs.
 */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
  readonly reason: UnavailableReason
  constructor(reason: UnavailableReason, options?: ErrorOptions) {
    super(MESSAGES[reason], options)
    this.reason = reason
  }
}

/**
 * The same calls, failing with LedgerUnavailable when the storage failed and with what they failed with otherwise.
 * `onUnavailable` is told of each LedgerUnavailable.
 */
export function typedErrors<Calls extends object>(
  calls: Calls,
  onUnavailable: (error: LedgerUnavailable) => void,
): Calls {
  const typed = Object.entries(calls).map(([name, call]) => [
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
  return Object.fromEntries(typed)
}

/** The failure of the storage that an error stands for, or null when it is another one. */
export function asLedgerUnavailable(error: unknown): LedgerUnavailable | null {
  if (error instanceof LedgerUnavailable) return error
  const reason = unavailableReasonOf(error)
  return reason && new LedgerUnavailable(reason, { cause: error })
}

export interface PersistOptions {
  /** Once aborted, a failing write is not tried again. */
  signal: AbortSignal
  /** Told of the first failure, after which the write is repeated. */
  onWaiting(error: LedgerUnavailable): void
  /** The write succeeded after it had failed. */
  onRecovered(): void
}

const RETRY_MS = 200

/**
 * What `write` gives, repeated every 200 ms for as long as the storage fails: for what must not be forgotten. Throws the
 * last LedgerUnavailable once `signal` is aborted, and any other failure at once.
 */
export async function persist<T>(
  write: () => Promise<T>,
  { signal, onWaiting, onRecovered }: PersistOptions,
): Promise<T> {
  let hasWaited = false
  while (true) {
    try {
      const result = await write()
      if (hasWaited) onRecovered()
      return result
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error
      if (!hasWaited) onWaiting(error)
      hasWaited = true
      if (signal.aborted) throw error
      await pause(RETRY_MS, undefined, { signal }).catch(() => {})
      // One more attempt follows an abort, so that what can be written is.
    }
  }
}
