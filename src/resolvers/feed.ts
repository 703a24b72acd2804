import type { ChangeNotifier } from '../ledger/change-notifier.ts'
import {
  type Entity,
  type EntityRef,
  isProgress,
  type Kind,
  type Transition,
} from '../ledger/entity.ts'
import { EventFeed, type FeedLifetime, type ReadResult } from './event-feed.ts'

/** Options of `openFeed`: the entities to follow, and the functions that read them. */
export interface FeedOptions<K extends Kind> extends FeedLifetime {
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
  /** Whether to yield the transitions in which only the progress changed. Absent: false. */
  includeProgress?: boolean | undefined
}

/**
 * Yields the current status of the entities, then every later transition of each entity, in order, without gaps and
 * without duplicates. `previous` is null in the first value of each entity.
 */
export type Feed<K extends Kind> = EventFeed<Transition<K>>

/** Opens a feed. Rejects when the current entities cannot be read. */
export async function openFeed<K extends Kind>(options: FeedOptions<K>): Promise<Feed<K>> {
  const feed = new TransitionFeed(options)
  await feed.open()
  return feed
}

class TransitionFeed<K extends Kind> extends EventFeed<Transition<K>> {
  readonly #options: FeedOptions<K>
  /** The last `seq` that was read, by key. */
  readonly #cursors = new Map<string, number>()
  /** The keys of entities whose polling has not ended. */
  readonly #polled = new Set<string>()
  /** The keys of entities that may have changed, in the order of their notifications; the next keys to read. */
  readonly #notified = new Set<string>()
  #notificationsLost = false

  constructor(options: FeedOptions<K>) {
    super(options)
    this.#options = options
    const { notifier, targets } = options
    for (const target of targets) {
      this.onEnd(notifier.listen(target, (key) => this.#onNotification(key)))
    }
  }

  /** Reads the current status of the entities. Throws the error of the read. */
  async open(): Promise<void> {
    await this.start(async () => {
      for (const entity of await this.#options.present()) {
        this.ready.push({ previous: null, current: entity.snapshot.status, entity })
        this.#cursors.set(entity.key, entity.seq)
        if (!entity.pollingEnded) this.#polled.add(entity.key)
      }
    })
  }

  protected override async read(): Promise<ReadResult> {
    if (this.#notificationsLost) await this.#readKeys()
    else if (this.#notified.size > 0) await this.#readChanges()
    else return this.#options.finite && this.#polled.size === 0 ? 'completed' : 'waiting'
    return 'read'
  }

  #onNotification(key: string | null): void {
    if (key === null) this.#notificationsLost = true
    else this.#notified.add(key)
    this.wake()
  }

  async #readKeys(): Promise<void> {
    // Reset before reading, so that an interruption during the read sets it again.
    this.#notificationsLost = false
    try {
      for (const key of await this.#options.keys()) this.#notified.add(key)
    } catch (error) {
      this.#notificationsLost = true
      throw error
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
        if (this.#options.includeProgress || !isProgress(transition)) this.ready.push(transition)
        this.#cursors.set(key, transition.entity.seq)
        if (transition.entity.pollingEnded) this.#polled.delete(key)
      }
    } catch (error) {
      this.#notified.add(key)
      throw error
    }
  }
}
