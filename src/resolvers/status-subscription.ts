import type { Entity, EntityRef, Kind, Status } from '../ledger/entity.ts'
import { type AssetStatus, keyOf, type Platform, type VideoTaskStatus } from '../model.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { type Failure, invalidInput, RequestError } from './failure.ts'
import { type Feed, openFeed } from './feed.ts'
import { getPlatformId, getVideoTaskId } from './ids.ts'
import { createLoaders } from './loaders.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { type VideoTask, videoTaskOf } from './video-task.ts'

/** A change of status as subscribers get it; `previous` is null for the first one of each resource. */
export interface StatusChange<S> {
  previous: S | null
  current: S
  observedAt: Date
}
export type AssetStatusChange = StatusChange<AssetStatus> & { asset: Asset }
export type VideoTaskStatusChange = StatusChange<VideoTaskStatus> & { videoTask: VideoTask }

/** Streams the named assets until all have settled. Throws NOT_FOUND, with `ids`, when 0-0 does not know some of them. */
export async function subscribeToAssets(
  ids: readonly string[],
  platform: Platform,
  context: Context,
): Promise<AsyncIterable<AssetStatusChange>> {
  const caller = context.caller()
  const targets = checkIds(ids, context).map((id, index) => {
    const ref = getPlatformId('Asset', id, platform, ['ids', String(index)])
    const address = { tenant: caller.tenant, kind: 'asset', key: keyOf(ref) } as const
    const read = (signal: AbortSignal) => context.reads.asset(ref, { ...caller, signal })
    return { ids: [id], address, read }
  })
  return changes(await watchEach(targets, context), asAssetChange, context)
}

/** Streams the named video tasks until all have settled. Throws NOT_FOUND, with `ids`, when 0-0 does not know some of them. */
export async function subscribeToVideoTasks(
  ids: readonly string[],
  model: string | null,
  context: Context,
): Promise<AsyncIterable<VideoTaskStatusChange>> {
  const caller = context.caller()
  const { tenant } = caller
  const named = checkIds(ids, context).map((id, index) => ({
    id,
    taskId: getVideoTaskId(id, ['ids', String(index)]),
  }))
  const targets = named.map(async ({ id, taskId }) => {
    // It may be named by the id 0-0 gave it later.
    const known = await context.ledger.find({ tenant, kind: 'videoTask', key: taskId })
    const key = known?.key ?? taskId
    const ref = {
      key,
      taskId: known?.snapshot.taskId ?? taskId,
      model: known?.origin?.model ?? model ?? known?.snapshot.model ?? null,
    }
    const address = { tenant, kind: 'videoTask', key } as const
    const read = (signal: AbortSignal) => context.reads.videoTask(ref, { ...caller, signal })
    return { ids: [id], address, read }
  })
  return changes(await watchEach(await Promise.all(targets), context), asVideoTaskChange, context)
}

/**
 * Streams every asset of the group that is registered here, present and future, without end.
 * Throws NOT_FOUND when 0-0 does not know the group.
 */
export async function subscribeToAssetGroup(
  id: string,
  platform: Platform,
  context: Context,
): Promise<AsyncIterable<AssetStatusChange>> {
  const caller = context.caller()
  const { tenant } = caller
  const ref = getPlatformId('AssetGroup', id, platform)
  const key = keyOf(ref)
  const address = { tenant, kind: 'assetGroup', key } as const
  const read = (signal: AbortSignal) => context.reads.assetGroup(ref, { ...caller, signal })
  const feed = await openFeed<'asset'>({
    notifier: context.ledger.notifier,
    targets: [address],
    async present() {
      await context.reads.registered(address, caller, read)
      return context.ledger.children(tenant, 'asset', key)
    },
    async keys() {
      return (await context.ledger.children(tenant, 'asset', key)).map((asset) => asset.key)
    },
    transitionsAfter: (key, seq) =>
      context.reads.transitionsAfter({ tenant, kind: 'asset', key }, seq),
    finite: false,
  })
  return changes(feed, asAssetChange, context)
}

/** Something to watch, and how to read it from 0-0 when it is not registered here. */
interface Target<K extends Kind> {
  /** As the caller wrote it; several when the same thing was named more than once. */
  ids: string[]
  address: EntityRef<K>
  /** The signal aborts when the last of those who asked together has left. */
  read(signal: AbortSignal): Promise<Entity<K>>
}

async function watchEach<K extends Kind>(targets: Target<K>[], context: Context): Promise<Feed<K>> {
  const byKey = new Map<string, Target<K>>()
  for (const target of targets) {
    const same = byKey.get(target.address.key)
    if (same) same.ids.push(...target.ids)
    else byKey.set(target.address.key, target)
  }
  const once = [...byKey.values()]
  return openFeed<K>({
    notifier: context.ledger.notifier,
    targets: once.map(({ address }) => address),
    present: () => registerAll(once, context),
    keys: async () => [...byKey.keys()],
    async transitionsAfter(key, seq) {
      const target = byKey.get(key)
      return target ? context.reads.transitionsAfter(target.address, seq) : []
    },
    finite: true,
  })
}

/** What each target names; throws NOT_FOUND with the ids of all that 0-0 does not know. */
async function registerAll<K extends Kind>(
  targets: Target<K>[],
  context: Context,
): Promise<Entity<K>[]> {
  const caller = context.caller()
  const found = await Promise.all(
    targets.map(({ address, read }) =>
      nullIfNotFound(context.reads.registered(address, caller, read)),
    ),
  )
  const unknown = targets.filter((_, index) => found[index] === null).flatMap(({ ids }) => ids)
  const total = targets.flatMap(({ ids }) => ids).length
  if (unknown.length > 0) throw new RequestError(notFound(unknown, total))
  return found.filter((resource) => resource !== null)
}

function checkIds(ids: readonly string[], { limits }: Context): readonly string[] {
  const { subscriptionIds } = limits
  if (ids.length > 0 && ids.length <= subscriptionIds) return ids
  throw invalidInput([{ path: ['ids'], message: `Give between 1 and ${subscriptionIds} ids.` }])
}

function asAssetChange(change: StatusChange<AssetStatus>, resource: Entity<'asset'>) {
  return { ...change, asset: assetOf(resource) }
}

function asVideoTaskChange(change: StatusChange<VideoTaskStatus>, resource: Entity<'videoTask'>) {
  return { ...change, videoTask: videoTaskOf(resource) }
}

function notFound(ids: string[], total: number): Failure {
  const message = `Not found: ${ids.length} of ${total} ids, named in extensions.ids.`
  return { code: 'NOT_FOUND', message, retryable: false, ids }
}

const EXPIRED: Failure = {
  code: 'UNAUTHENTICATED',
  message: 'The credential has expired. Subscribe again with a new one.',
  retryable: false,
}

/**
 * The feed in the form subscribers get it, ended when the caller leaves. When the caller's credential expires, `next`
 * throws UNAUTHENTICATED, so that nobody takes the end for a completion.
 * Each change gets loaders of its own: a loader answers the same for as long as it lives.
 */
function changes<K extends Kind, T>(
  feed: Feed<K>,
  view: (change: StatusChange<Status<K>>, entity: Entity<K>) => T,
  context: Context,
): AsyncIterableIterator<T> {
  const { signal, onExpiry } = context.caller()
  const onAbort = () => feed.end('left')
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const cancelExpiry = onExpiry(() => feed.end('expired'))
  const stopWaiting = () => {
    signal?.removeEventListener('abort', onAbort)
    cancelExpiry()
  }
  async function nextTransition() {
    try {
      return await feed.next()
    } finally {
      if (feed.endReason !== null) stopWaiting()
    }
  }
  return {
    async next() {
      const { done, value } = await nextTransition()
      if (feed.endReason === 'expired') throw new RequestError(EXPIRED)
      if (done) return { done: true, value: undefined }
      context.loaders = createLoaders(context)
      const { previous, current, entity } = value
      const change = { previous, current, observedAt: entity.observedAt }
      return { done: false, value: view(change, entity) }
    },
    async return() {
      stopWaiting()
      await feed.return()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
