import { LRUCache } from 'lru-cache'
import {
  type Entity,
  type EntityRef,
  isTerminal,
  type Kind,
  nameOf,
  type Origin,
  type Snapshot,
  UNREGISTERED,
} from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { keyOf, type PlatformRef } from '../model/entities.ts'
import { type RequestContext, requireIdentity } from '../model/identity.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { unknownEntity } from '../upstream/unknown-entity.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'
import { nullIfUnavailable } from './null-if-not-found.ts'
import { createOfferedModels, type OfferedModels } from './offered-models.ts'
import { createSharedReads, type SharedReads } from './shared-reads.ts'
import { createSingleFlight } from './single-flight.ts'

/** Identifies a video task. */
export interface TaskRef {
  /** Its key in the ledger. */
  key: string
  /** Its id at 0-0. */
  taskId: string
  /** The model that 0-0 needs to route the read; null when unknown. */
  model: string | null
}

/** The request that causes a read. */
interface ReadContext extends RequestContext {
  /** Called before each read that is not answered from the cache. Throws when the operation has reached its limit. */
  admitRead?(): void
}

/**
 * Reads from 0-0 for all operations. Concurrent identical reads of a tenant share one request, every response is
 * recorded in the ledger, and entities with a terminal status are cached.
 *
 * Each read throws UpstreamError: NOT_FOUND also when a tenant with a shared key has not registered the entity. It
 * throws UNAUTHENTICATED without an identity.
 */
export interface Reads extends SharedReads {
  /** Returns the asset when it is cached, otherwise null. Costs no promise. Throws UNAUTHENTICATED without identity. */
  cachedAsset(ref: PlatformRef, request: RequestContext): Entity<'asset'> | null
  assetGroup(ref: PlatformRef, request: ReadContext): Promise<Entity<'assetGroup'>>
  asset(ref: PlatformRef, request: ReadContext): Promise<Entity<'asset'>>
  videoTask(ref: TaskRef, request: ReadContext): Promise<Entity<'videoTask'>>
  offeredModels: OfferedModels
  /**
   * Returns the entity from the ledger. When it is not registered, or its polling ended before a terminal status, reads
   * it with `read` and registers it first.
   *
   * Many subscribers of one asset call this and `transitionsAfter` at the same time. Concurrent calls without a
   * notification between them share one result. A call after a notification reads again.
   */
  ensureRegistered<K extends Kind>(
    ref: EntityRef<K>,
    request: RequestContext,
    read: (signal: AbortSignal) => Promise<Entity<K>>,
  ): Promise<Entity<K>>
}

/** Options of `createReads`. */
interface ReadsOptions {
  upstream: UpstreamClient
  ledger: Ledger
  /** Milliseconds for which an entity with a terminal status is cached; 0: it is not cached. */
  terminalTtlMs: number
}

const MAX_CACHED = 10_000

/** Creates the reads of one process. */
export function createReads({ upstream, ledger, terminalTtlMs }: ReadsOptions): Reads {
  const inFlight = createSingleFlight()
  const cache = new LRUCache<string, Entity>({ max: MAX_CACHED, ttl: terminalTtlMs })

  async function read<K extends Kind>(
    kind: K,
    { key, id, model = null }: { key: string; id: string; model?: string | null },
    request: ReadContext,
    fetch: (call: UpstreamCall) => Promise<Snapshot<K>>,
  ): Promise<Entity<K>> {
    const { tenant, credential, isShared } = requireIdentity(request)
    const ref = { tenant, kind, key }
    const name = cacheNameOf(ref, model)
    const cached = cache.get(name)
    if (cached) return cached as Entity<K>
    request.admitRead?.()
    if (isShared && !(await ledger.find(ref))) throw notFound(kind, id)
    return inFlight.share(`read ${name}`, request.signal, async (signal) => {
      const snapshot = await fetch({ credential, requestId: request.requestId, signal })
      const recorded = await ledger.recordObservation(ref, snapshot).catch(nullIfUnavailable)
      const entity = recorded ?? unregistered(ref, snapshot, model)
      if (terminalTtlMs > 0 && isCacheable(kind, entity)) cache.set(name, entity)
      return entity
    })
  }

  return {
    cachedAsset(ref, request) {
      const { tenant } = requireIdentity(request)
      const name = cacheNameOf({ tenant, kind: 'asset', key: keyOf(ref) }, null)
      return (cache.get(name) as Entity<'asset'> | undefined) ?? null
    },
    assetGroup: (ref, request) =>
      read('assetGroup', { ...ref, key: keyOf(ref) }, request, (call) =>
        upstream.getAssetGroup(ref, call),
      ),
    asset: (ref, request) =>
      read('asset', { ...ref, key: keyOf(ref) }, request, (call) => upstream.getAsset(ref, call)),
    videoTask: (ref, request) =>
      read('videoTask', { ...ref, id: ref.taskId }, request, (call) =>
        upstream.getVideoTask(ref, call),
      ),
    offeredModels: createOfferedModels(upstream),

    ensureRegistered(ref, request, read) {
      const { credential } = requireIdentity(request)
      const name = `register ${nameOf(ref)} ${ledger.notifier.count}`
      return inFlight.share(name, request.signal, async (signal) => {
        const known = await ledger.find(ref)
        if (known && known.pollingEndedReason === null) return known
        const { snapshot, origin } = await read(signal)
        return ledger.register(ref, { snapshot, origin, credential })
      })
    },

    ...createSharedReads(ledger),
  }
}

/** Equal to the error for an entity that 0-0 does not know, so that it does not reveal whether the entity exists. */
function notFound(kind: Kind, id: string): UpstreamError {
  return new UpstreamError('NOT_FOUND', { entity: unknownEntity(kind, id) })
}

function cacheNameOf(ref: EntityRef, model: string | null): string {
  return `${nameOf(ref)} ${model}`
}

function unregistered<K extends Kind>(
  { kind, key }: EntityRef<K>,
  snapshot: Snapshot<K>,
  model: string | null,
): Entity<K> {
  const origin = (kind === 'videoTask' ? { model, request: null } : null) as Origin<K>
  const pollingEnded = isTerminal(kind, snapshot.status)
  return {
    key,
    snapshot,
    origin,
    pollingEnded,
    ...UNREGISTERED,
    observedAt: new Date(),
  }
}

/** Groups have no terminal status, so their values may change at any time. */
function isCacheable(kind: Kind, { snapshot }: Entity): boolean {
  return kind !== 'assetGroup' && isTerminal(kind, snapshot.status)
}
