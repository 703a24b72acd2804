import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { onExpiry } from '../model/expiry.ts'
import { RequestError } from '../model/failure.ts'

const RETRY_MS = 500

/** Why every feed ends, besides what it reads. */
export interface FeedLifetime {
  /** Ends the feed when the subscriber disconnects. */
  signal?: AbortSignal | undefined
  /** When the credential of the subscriber expires, in milliseconds since the epoch; null or absent: it does not. */
  expiresAt?: number | null | undefined
}

/**
 * Why a feed ended: there are no more events, the credential expired, the subscriber disconnected, or a read failed.
 * Only `completed` is a normal completion.
 */
export type FeedEnd = 'completed' | 'expired' | 'left' | 'failed'

/** What a call of `EventFeed.read` found. */
export type ReadResult = 'read' | 'waiting' | 'completed'

/**
 * Yields events that are read from the ledger when the next event is requested, so a slow subscriber holds at most the
 * events of one read. A notification only wakes the feed. The feed stops listening when it ends.
 *
 * While the storage of the ledger fails, `next` waits and reads again. It throws any other error of a read. When the
 * credential expires it throws UNAUTHENTICATED once, because a normal end would mean that there are no more events.
 */
export abstract class EventFeed<T> implements AsyncIterableIterator<T> {
  /** The events to yield next. */
  protected readonly ready: T[] = []
  readonly #stopListening: (() => void)[]
  #endReason: FeedEnd | null = null
  #expiryError: RequestError | null = null
  #isWoken = false
  #wake = () => {}

  constructor({ signal, expiresAt = null }: FeedLifetime) {
    const onAbort = () => this.end('left')
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#stopListening = [
      () => signal?.removeEventListener('abort', onAbort),
      onExpiry(expiresAt, () => this.#expire()),
    ]
    if (signal?.aborted) onAbort()
  }

  /** Null while the feed has not ended. */
  get endReason(): FeedEnd | null {
    return this.#endReason
  }

  /**
   * Reads the next events into `ready`. `waiting`: there is nothing to read before the next `wake`. When it throws
   * LedgerUnavailable, it is called again.
   */
  protected abstract read(): Promise<ReadResult>

  /** Adds a function that is called when the feed ends; at once when it has ended. */
  protected onEnd(stop: () => void): void {
    if (this.#endReason === null) this.#stopListening.push(stop)
    else stop()
  }

  /** Lets a waiting feed read again. */
  protected wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  /** Ends the feed at once, even while `next` waits. Only the first call has an effect. */
  end(reason: FeedEnd): void {
    if (this.#endReason !== null) return
    this.#endReason = reason
    for (const stop of this.#stopListening) stop()
    this.wake()
  }

  /** Runs the first read. Ends the feed when it fails, and throws its error. */
  protected async start(read: () => Promise<void>): Promise<void> {
    try {
      await read()
    } catch (error) {
      this.end('failed')
      throw error
    }
  }

  async next(): Promise<IteratorResult<T>> {
    try {
      const event = await this.#nextEvent()
      return event === null ? { done: true, value: undefined } : { done: false, value: event }
    } catch (error) {
      this.end('failed')
      throw error
    }
  }

  /** Ends the feed with the reason `left`. */
  async return(): Promise<IteratorResult<T>> {
    this.end('left')
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #nextEvent(): Promise<T | null> {
    while (this.#endReason === null) {
      const event = this.ready.shift()
      if (event !== undefined) return event
      const result = await this.#tryRead()
      if (result === 'waiting') await this.#nextWake()
      if (result === 'completed') this.end('completed')
    }
    const error = this.#expiryError
    this.#expiryError = null
    if (error) throw error
    return null
  }

  async #tryRead(): Promise<ReadResult> {
    // Reset before reading, so that a notification during the read wakes the feed.
    this.#isWoken = false
    try {
      return await this.read()
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error
      await this.#pause()
      return 'read'
    }
  }

  /** Waits RETRY_MS, or until the next notification. */
  async #pause(): Promise<void> {
    const timer = setTimeout(() => this.wake(), RETRY_MS)
    await this.#nextWake().finally(() => clearTimeout(timer))
  }

  /** Resolves at once when the feed was woken since the last read began. */
  #nextWake(): Promise<void> {
    if (this.#isWoken) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #expire(): void {
    if (this.#endReason === null) this.#expiryError = new RequestError(EXPIRED)
    this.end('expired')
  }
}

const EXPIRED = {
  code: 'UNAUTHENTICATED',
  message: 'The credential has expired. Subscribe again with a new one.',
  retryable: false,
} as const
