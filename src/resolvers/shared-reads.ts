import { LRUCache } from 'lru-cache'
import type { ChangeBatch } from '../ledger/changes.ts'
import { type EntityRef, type Kind, nameOf, type Transition } from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'

/**
 * Reads of the ledger for subscriptions. What was read since the last notification is kept, changes for at most one second.
 * Its subscribers get the same objects, and share their execution.
 */
export interface SharedReads {
  /** Returns the transitions of the entity after `seq`, in order. */
  transitionsAfter<K extends Kind>(ref: EntityRef<K>, seq: number): Promise<Transition<K>[]>
  /** Returns the next changes of a tenant after a position. */
  changesAfter(tenant: string, position: number): Promise<ChangeBatch>
}

const MAX_TRANSITIONS = 1_000
const MAX_BATCHES = 20
/** Milliseconds. The entities in a batch can change without a notification: a URL gets a new signature. */
const BATCH_TTL_MS = 1_000
/** Changes that are read at a time. */
const BATCH_SIZE = 100

/** Creates the shared reads of one process. */
export function createSharedReads({ notifier, transitionsAfter, changes }: Ledger): SharedReads {
  const transitions = new LRUCache<string, Promise<Transition[]>>({ max: MAX_TRANSITIONS })
  const batches = new LRUCache<string, Promise<ChangeBatch>>({
    max: MAX_BATCHES,
    ttl: BATCH_TTL_MS,
  })

  return {
    transitionsAfter<K extends Kind>(ref: EntityRef<K>, seq: number) {
      const name = `${nameOf(ref)} ${seq} ${notifier.count}`
      const read = () => transitionsAfter(ref, seq)
      // The cast is safe: the name contains the kind.
      return share<Transition[]>(transitions, name, read) as Promise<Transition<K>[]>
    },
    changesAfter(tenant, position) {
      const name = `${tenant} ${position} ${notifier.count}`
      return share(batches, name, () => changes.after(tenant, position, BATCH_SIZE))
    },
  }
}

function share<T>(
  cache: LRUCache<string, Promise<T>>,
  name: string,
  read: () => Promise<T>,
): Promise<T> {
  const known = cache.get(name)
  if (known) return known
  const reading = read()
  cache.set(name, reading)
  // A failure is not kept.
  reading.catch(() => cache.delete(name))
  return reading
}
