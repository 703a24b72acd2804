import type { ChangeNotifier } from '../ledger/change-notifier.ts'
import type { Entity, EntityRef, Kind, Transition } from '../ledger/entity.ts'
import { LedgerUnavailable } from '../ledger/unavailable.ts'

const RETRY_MS = 500

export interface FeedOptions<K extends Kind> {
  notifier: ChangeNotifier
  /** What to listen to: the resources themselves, or the parent whose children are followed. */
  targets: EntityRef[]
  /** The resources as they are, read after listening began. */
  present(): Promise<Entity<K>[]>
  /** The keys of what is to be followed now: asked for when notifications may have been lost. */
  keys(): Promise<string[]>
  transitionsAfter(key: string, seq: number): Promise<Transition<K>[]>
  /** True: ends when everything present has settled. False: goes on, and takes in what is added. */
  finite: boolean
}

/**
 * Why a feed ended: everything it follows has settled, the subscriber's credential expired, the subscriber left, or
 * reading threw. Only `settled` is a completion.
 */
export type FeedEnd = 'settled' | 'expired' | 'left' | 'failed'

/** Changes of status; `previous` is null for the first one of each resource. */
export interface Feed<K extends Kind> extends AsyncIterableIterator<Transition<K>> {
  /** Why it ended; null while it has not. */
  readonly endReason: FeedEnd | null
  /** Ends it at once, also while `next` waits. Only the first reason counts. */
  end(reason: FeedEnd): void
  /** Ends it because the subscriber left. */
  return(): Promise<IteratorResult<Transition<K>>>
}

/**
 * The present state of some resources, then every later transition of each, in order, none lost and none twice.
 *
 * It reads the ledger when asked for the next change, and a notification only says where to look, so a consumer that pauses
 * costs the keys of what changed meanwhile and nothing else. It stops listening when it ends, whatever the reason.
 * `next` throws what reading throws, except that it waits while the database is unavailable.
 */
export async function openFeed<K extends Kind>(options: FeedOptions<K>): Promise<Feed<K>> {
  const { notifier, targets, present, keys, transitionsAfter, finite } = options
  const cursors = new Map<string, number>()
  const unsettled = new Set<string>()
  /** Keys there may be something new to read of, in the order they were notified. */
  const notified = new Set<string>()
  const ready: Transition<K>[] = []
  let interrupted = false
  let endReason: FeedEnd | null = null
  let wake = () => {}

  const onNotification = (key: string | null) => {
    if (key === null) interrupted = true
    else notified.add(key)
    wake()
  }
  const leave = targets.map((target) => notifier.listen(target, onNotification))
  function end(reason: FeedEnd) {
    if (endReason !== null) return
    endReason = reason
    for (const stopListening of leave) stopListening()
    wake()
  }

  try {
    for (const entity of await present()) {
      const { status } = entity.snapshot
      ready.push({ previous: null, current: status, entity })
      cursors.set(entity.key, entity.seq)
      if (!entity.pollingEnded) unsettled.add(entity.key)
    }
  } catch (error) {
    end('failed')
    throw error
  }

  /** Deletes the key before reading, so that a notification during the read adds it again. */
  async function readNext(): Promise<void> {
    if (interrupted) {
      interrupted = false
      await unlessAway(
        async () => {
          for (const key of await keys()) notified.add(key)
        },
        () => {
          interrupted = true
        },
      )
      return
    }
    const [key] = notified
    if (key === undefined) return
    notified.delete(key)
    await unlessAway(
      () => read(key),
      () => notified.add(key),
    )
  }

  /** When the ledger is not reachable, adds the key again and retries after a pause, so nothing is lost. */
  async function unlessAway(work: () => Promise<void>, putBack: () => void): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error
      if (endReason !== null) return
      const timer = setTimeout(() => wake(), RETRY_MS)
      await nextWake().finally(() => clearTimeout(timer))
      putBack()
    }
  }

  async function read(key: string): Promise<void> {
    for (const transition of await transitionsAfter(key, cursors.get(key) ?? 0)) {
      ready.push(transition)
      cursors.set(key, transition.entity.seq)
      if (transition.entity.pollingEnded) unsettled.delete(key)
    }
  }

  function nextWake(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve
    })
  }

  async function next(): Promise<IteratorResult<Transition<K>>> {
    while (endReason === null) {
      const value = ready.shift()
      if (value) return { done: false, value }
      if (notified.size > 0 || interrupted) await readNext()
      else if (finite && unsettled.size === 0) end('settled')
      else await nextWake()
    }
    return { done: true, value: undefined }
  }

  const feed: Feed<K> = {
    get endReason() {
      return endReason
    },
    end,
    async next() {
      try {
        return await next()
      } catch (error) {
        end('failed')
        throw error
      }
    },
    async return() {
      end('left')
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => feed,
  }
  return feed
}
