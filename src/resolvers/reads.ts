import { LRUCache } from 'lru-cache'
import {
  type Entity,
  type EntityRef,
  isTerminal,
  type Kind,
  type Origin,
  type Snapshot,
  type Transition,
} from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { keyOf, type PlatformRef } from '../model.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/errors.ts'
import type { Caller } from './context.ts'
import { unlessAway } from './null-if-not-found.ts'
import { createSingleFlight } from './single-flight.ts'

/** Names a video task; `model` is what 0-0 routes by, null when nobody said. */
export interface TaskRef {
  /** What the ledger knows it by. */
  key: string
  /** What 0-0 knows it by. */
  taskId: string
  model: string | null
}

/**
 * Reads from 0-0, above the loaders of single operations: identical reads in flight with the same key are one call,
 * what was read is observed, and what can no longer change is remembered for a while.
 * Each read throws UpstreamError: NOT_FOUND also for what a tenant who shares a key has not registered.
 */
export interface Reads {
  assetGroup(ref: PlatformRef, caller: Caller): Promise<Entity<'assetGroup'>>
  asset(ref: PlatformRef, caller: Caller): Promise<Entity<'asset'>>
  videoTask(ref: TaskRef, caller: Caller): Promise<Entity<'videoTask'>>
  /**
   * What the ledger knows of a resource; `read` and registered first when it is not, or when watching it had ended.
   * This and the next are asked by a thousand subscribers of one asset at the same moment: those between two notifications
   * share the answer, those after one get a newer.
   */
  registered<K extends Kind>(
    address: EntityRef<K>,
    caller: Caller,
    read: (signal: AbortSignal) => Promise<Entity<K>>,
  ): Promise<Entity<K>>
  transitionsAfter<K extends Kind>(address: EntityRef<K>, seq: number): Promise<Transition<K>[]>
}

export interface ReadsOptions {
  upstream: UpstreamClient
  ledger: Ledger
  /** How long something settled is answered without asking 0-0, in milliseconds; 0: never. */
  terminalTtlMs: number
}

const MAX_REMEMBERED = 10_000

export function createReads({ upstream, ledger, terminalTtlMs }: ReadsOptions): Reads {
  const inFlight = createSingleFlight()
  const settled = new LRUCache<string, Entity>({ max: MAX_REMEMBERED, ttl: terminalTtlMs })

  async function read<K extends Kind>(
    address: EntityRef<K>,
    { credential, isShared, requestId, signal, admitRead }: Caller,
    fetch: (call: UpstreamCall) => Promise<Snapshot<K>>,
    origin: Origin<K> = null,
  ): Promise<Entity<K>> {
    const name = JSON.stringify([address, origin])
    const remembered = settled.get(name)
    if (remembered) return remembered as Entity<K>
    admitRead?.()
    if (isShared && !(await ledger.find(address))) throw new UpstreamError('NOT_FOUND')
    return inFlight.share(name, signal, async (signal) => {
      const snapshot = await fetch({ credential, requestId, signal })
      const registered = await ledger.recordObservation(address, snapshot).catch(unlessAway)
      const resource = registered ?? unregistered(address, snapshot, origin)
      if (terminalTtlMs > 0 && isFinal(address.kind, resource)) settled.set(name, resource)
      return resource
    })
  }

  return {
    assetGroup(ref, caller) {
      const address = { tenant: caller.tenant, kind: 'assetGroup', key: keyOf(ref) } as const
      const groupRef = { platform: ref.platform, groupId: ref.id }
      return read(address, caller, (call) => upstream.getAssetGroup(groupRef, call))
    },
    asset(ref, caller) {
      const address = { tenant: caller.tenant, kind: 'asset', key: keyOf(ref) } as const
      const assetRef = { platform: ref.platform, assetId: ref.id }
      return read(address, caller, (call) => upstream.getAsset(assetRef, call))
    },
    videoTask({ key, taskId, model }, caller) {
      const address = { tenant: caller.tenant, kind: 'videoTask', key } as const
      const fetch = (call: UpstreamCall) => upstream.getVideoTask({ taskId, model }, call)
      return read(address, caller, fetch, { model, request: null })
    },
    registered(address, { credential, signal }, read) {
      const name = JSON.stringify(['registered', address, ledger.notifier.count])
      return inFlight.share(name, signal, async (signal) => {
        const known = await ledger.find(address)
        if (known && known.pollingEndedReason === null) return known
        const { snapshot, origin } = await read(signal)
        return ledger.register(address, { snapshot, origin, credential })
      })
    },
    transitionsAfter(address, seq) {
      const name = JSON.stringify(['transitions', address, seq, ledger.notifier.count])
      return inFlight.share(name, undefined, () => ledger.transitionsAfter(address, seq))
    },
  }
}

function unregistered<K extends Kind>(
  { kind, key }: EntityRef<K>,
  snapshot: Snapshot<K>,
  origin: Origin<K>,
): Entity<K> {
  const pollingEnded = isTerminal(kind, snapshot.status)
  return {
    key,
    snapshot,
    origin,
    pollingEnded,
    pollingEndedReason: null,
    seq: 0,
    observedAt: new Date(),
  }
}

/** Groups have no lifecycle, so nothing says that they stay as they are. */
function isFinal(kind: Kind, { snapshot }: Entity): boolean {
  return kind !== 'assetGroup' && isTerminal(kind, snapshot.status)
}
