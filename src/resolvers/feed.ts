import type { ChangeNotifier } from '../ledger/change-notifier.ts'
import type { Entity, EntityRef, Kind, Transition } from '../ledger/entity.ts'
import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { onExpiry } from '../model/expiry.ts'
import { RequestError } from '../model/failure.ts'

const RETRY_MS = 500

/** Options of `openFeed`: the entities to follow, and the functions that read them. */
export interface FeedOptions<K extends Kind> {
  notifier: ChangeNotifier
  /** The entities to listen to, or the parent of the entities. */
  targets: EntityRef[]
  /** Reads the current entities. Called after listening has begun. */
  present(): Promise<Entity<K>[]>
  /** Reads the keys of the entities to follow. Called when notifications may have been lost. */
  keys(): Promise<string[]>
  /** Reads the transitions of an entity after `seq`, in order. */
  transitionsAfter(key: string, seq: number): Promise<Transition<K>[]>
  /**
   * True: the feed ends when the polling of all entities has ended. False: it does not end, and includes new entities.
   */
  finite: boolean
  /** Ends the feed when the subscriber disconnects. */
  signal?: AbortSignal | undefined
  /** When the credential of the subscriber expires, in milliseconds since the epoch; null or absent: it does not. */
  expiresAt?: number | null | undefined
}

/**
 * Why a feed ended: the polling of every entity has ended, the credential expired, the subscriber disconnected, or a
 * read failed. Only `completed` is a normal completion.
 */
type FeedEnd = 'completed' | 'expired' | 'left' | 'failed'

/**
 * Yields the current status of the entities, then every later transition of each entity, in order, without gaps and
 * without duplicates. `previous` is null in the first value of each entity.
 */
export interface Feed<K extends Kind> extends AsyncIterableIterator<Transition<K>> {
  /** Null while the feed has not ended. */
  readonly endReason: FeedEnd | null
  /** Ends the feed at once, even while `next` waits. Only the first call has an effect. */
  end(reason: FeedEnd): void
  /** Ends the feed with the reason `left`. */
  return(): Promise<IteratorResult<Transition<K>>>
}

/**
 * Opens a feed. Rejects when the current entities cannot be read. The feed reads the ledger when the next transition is
 * requested. A notification only contains the key to read, so a slow subscriber uses memory only for the keys of
 * changed entities. The feed stops listening when it ends.
 *
 * While the storage of the ledger fails, `next` waits and reads again. It throws any other error of a read. When the
 * credential expires it throws UNAUTHENTICATED once, because a normal end would mean that all entities are terminal.
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
  /** The keys of entities whose polling has not ended. */
  readonly #polled = new Set<string>()
  /** The keys of entities that may have changed, in the order of their notifications; the next keys to read. */
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

  /** Reads the current status of the entities. Throws the error of the read. */
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
      else if (this.#options.finite && this.#polled.size === 0) this.end('completed')
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
    // Delete the key before reading, so that a notification during the read adds it again.
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

  /** Waits RETRY_MS, or until the next notification. Throws any error other than LedgerUnavailable. */
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
