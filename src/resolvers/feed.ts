import type { ChangeNotifier } from '../ledger/change-notifier.ts'
import type { Entity, EntityRef, Kind, Transition } from '../ledger/entity.ts'
import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { onExpiry } from '../model/expiry.ts'
import { RequestError } from '../model/failure.ts'

const RETRY_MS = 500

/** What a feed follows, and how it reads it. */
export interface FeedOptions<K extends Kind> {
  notifier: ChangeNotifier
  /** What to listen to: the entities themselves, or the parent of the entities. */
  targets: EntityRef[]
  /** Reads the entities as they are now. Called after listening has begun. */
  present(): Promise<Entity<K>[]>
  /** Reads the keys of the entities to follow. Called when notifications may have been lost. */
  keys(): Promise<string[]>
  transitionsAfter(key: string, seq: number): Promise<Transition<K>[]>
  /** True: the feed ends when the polling of all entities has ended. False: it continues, and includes new entities. */
  finite: boolean
  /** Ends the feed when the subscriber disconnects. */
  signal?: AbortSignal | undefined
  /** When the credential of the subscriber expires, in milliseconds since the epoch; null or absent: never. */
  expiresAt?: number | null | undefined
}

/**
 * Why a feed ended: the polling of every entity has ended, the credential expired, the subscriber left, or reading threw.
 * Only `settled` is a normal completion.
 */
export type FeedEnd = 'settled' | 'expired' | 'left' | 'failed'

/**
 * The present status of some entities, then every later transition of each, in order, without gaps and without duplicates.
 * `previous` is null in the first one of each entity.
 */
export interface Feed<K extends Kind> extends AsyncIterableIterator<Transition<K>> {
  /** Null while the feed has not ended. */
  readonly endReason: FeedEnd | null
  /** Ends the feed at once, also while `next` waits. Only the first reason counts. */
  end(reason: FeedEnd): void
  /** Ends the feed because the subscriber left. */
  return(): Promise<IteratorResult<Transition<K>>>
}

/**
 * Opens a feed. It reads the ledger when the next transition is requested. A notification only says what to read, so a
 * paused subscriber uses memory only for the keys of changed entities. The feed stops listening when it ends.
 *
 * `next` waits while the storage of the ledger fails, and throws any other error of reading. When the credential expires
 * it throws UNAUTHENTICATED once, so that the end is not mistaken for a completion.
 */
export async function openFeed<K extends Kind>(options: FeedOptions<K>): Promise<Feed<K>> {
  const feed = new LedgerFeed(options)
  await feed.open()
  return feed
}

class LedgerFeed<K extends Kind> implements Feed<K> {
  readonly #options: FeedOptions<K>
  /** The last `seq` that was read, by key. */
  readonly #cursors = new Map<string, number>()
  /** The keys of entities that are still polled. */
  readonly #polled = new Set<string>()
  /** The keys of entities that may have changed, in the order of their notifications. */
  readonly #notified = new Set<string>()
  readonly #ready: Transition<K>[] = []
  readonly #stopListening: (() => void)[]
  #notificationsLost = false
  #endReason: FeedEnd | null = null
  #expiryError: RequestError | null = null
  #wake = () => {}

  constructor(options: FeedOptions<K>) {
    this.#options = options
    const { notifier, targets, signal, expiresAt = null } = options
    const onAbort = () => this.end('left')
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#stopListening = [
      ...targets.map((target) => notifier.listen(target, (key) => this.#onNotification(key))),
      () => signal?.removeEventListener('abort', onAbort),
      onExpiry(expiresAt, () => this.#expire()),
    ]
    if (signal?.aborted) onAbort()
  }

  get endReason(): FeedEnd | null {
    return this.#endReason
  }

  /** Reads the present status of the entities. Throws what reading throws. */
  async open(): Promise<void> {
    try {
      for (const entity of await this.#options.present()) {
        this.#ready.push({ previous: null, current: entity.snapshot.status, entity })
        this.#cursors.set(entity.key, entity.seq)
        if (!entity.pollingEnded) this.#polled.add(entity.key)
      }
    } catch (error) {
      this.end('failed')
      throw error
    }
  }

  end(reason: FeedEnd): void {
    if (this.#endReason !== null) return
    this.#endReason = reason
    for (const stop of this.#stopListening) stop()
    this.#wake()
  }

  async next(): Promise<IteratorResult<Transition<K>>> {
    try {
      const value = await this.#nextTransition()
      return value ? { done: false, value } : { done: true, value: undefined }
    } catch (error) {
      this.end('failed')
      throw error
    }
  }

  async return(): Promise<IteratorResult<Transition<K>>> {
    this.end('left')
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #nextTransition(): Promise<Transition<K> | null> {
    while (this.#endReason === null) {
      const transition = this.#ready.shift()
      if (transition) return transition
      if (this.#notificationsLost) await this.#readKeys()
      else if (this.#notified.size > 0) await this.#readChanges()
      else if (this.#options.finite && this.#polled.size === 0) this.end('settled')
      else await this.#nextWake()
    }
    const error = this.#expiryError
    this.#expiryError = null
    if (error) throw error
    return null
  }

  #onNotification(key: string | null): void {
    if (key === null) this.#notificationsLost = true
    else this.#notified.add(key)
    this.#wake()
  }

  #expire(): void {
    if (this.#endReason === null) this.#expiryError = new RequestError(EXPIRED)
    this.end('expired')
  }

  async #readKeys(): Promise<void> {
    // Reset before reading, so that an interruption during the read sets it again.
    this.#notificationsLost = false
    try {
      for (const key of await this.#options.keys()) this.#notified.add(key)
    } catch (error) {
      await this.#pauseIfUnavailable(error)
      this.#notificationsLost = true
    }
  }

  async #readChanges(): Promise<void> {
    const [key] = this.#notified
    if (key === undefined) return
    // Deleted before reading, so that a notification during the read adds it again.
    this.#notified.delete(key)
    try {
      const seq = this.#cursors.get(key) ?? 0
      for (const transition of await this.#options.transitionsAfter(key, seq)) {
        this.#ready.push(transition)
        this.#cursors.set(key, transition.entity.seq)
        if (transition.entity.pollingEnded) this.#polled.delete(key)
      }
    } catch (error) {
      await this.#pauseIfUnavailable(error)
      this.#notified.add(key)
    }
  }

  /** Waits before the next attempt to read, until a notification at most. Throws any error but LedgerUnavailable. */
  async #pauseIfUnavailable(error: unknown): Promise<void> {
    if (!(error instanceof LedgerUnavailable)) throw error
    if (this.#endReason !== null) return
    const timer = setTimeout(() => this.#wake(), RETRY_MS)
    await this.#nextWake().finally(() => clearTimeout(timer))
  }

  #nextWake(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

const EXPIRED = {
  code: 'UNAUTHENTICATED',
  message: 'The credential has expired. Subscribe again with a new one.',
  retryable: false,
} as const
