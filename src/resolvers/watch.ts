import type { Address, Kind, Resource, Status } from '../ledger/resource.ts'
import { type AssetStatus, keyOf, type Platform, type VideoTaskStatus } from '../model.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { refuseInput } from './failure.ts'
import { type Feed, openFeed } from './feed.ts'
import { getPlatformId, getVideoTaskId } from './ids.ts'
import { createLoaders } from './loaders.ts'
import { type VideoTask, videoTaskOf } from './video-task.ts'

/** A change of status as subscribers get it; `previous` is null for the first one of each resource. */
export interface StatusChange<S> {
  previous: S | null
  current: S
  observedAt: Date
}
export type AssetStatusChange = StatusChange<AssetStatus> & { asset: Asset }
export type VideoTaskStatusChange = StatusChange<VideoTaskStatus> & { videoTask: VideoTask }

/** Streams the named assets until all have settled. Throws NOT_FOUND when 0-0 does not know one. */
export async function watchAssets(
  ids: readonly string[],
  platform: Platform,
  context: Context,
): Promise<AsyncIterable<AssetStatusChange>> {
  const caller = context.caller()
  const refs = checkIds(ids, context).map((id, index) =>
    getPlatformId('Asset', id, platform, ['ids', String(index)]),
  )
  const targets = refs.map((ref) => {
    const address = { tenant: caller.tenant, kind: 'asset', key: keyOf(ref) } as const
    const read = (signal: AbortSignal) => context.reads.asset(ref, { ...caller, signal })
    return { address, read }
  })
  return changes(await watchEach(targets, context), asAssetChange, context)
}

/** Streams the named video tasks until all have settled. Throws NOT_FOUND when 0-0 does not know one. */
export async function watchVideoTasks(
  ids: readonly string[],
  model: string | null,
  context: Context,
): Promise<AsyncIterable<VideoTaskStatusChange>> {
  const caller = context.caller()
  const { tenant } = caller
  const taskIds = checkIds(ids, context).map((id, index) =>
    getVideoTaskId(id, ['ids', String(index)]),
  )
  const targets = taskIds.map(async (id) => {
    // It may be named by the id 0-0 gave it later.
    const known = await context.ledger.find({ tenant, kind: 'videoTask', key: id })
    const key = known?.key ?? id
    const ref = {
      key,
      taskId: known?.snapshot.taskId ?? id,
      model: known?.origin?.model ?? model ?? known?.snapshot.model ?? null,
    }
    const address = { tenant, kind: 'videoTask', key } as const
    const read = (signal: AbortSignal) => context.reads.videoTask(ref, { ...caller, signal })
    return { address, read }
  })
  return changes(await watchEach(await Promise.all(targets), context), asVideoTaskChange, context)
}

/**
 * Streams every asset of the group that is registered here, present and future, without end.
 * Throws NOT_FOUND when 0-0 does not know the group.
 */
export async function watchAssetGroup(
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
    nudges: context.ledger.nudges,
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
  address: Address<K>
  /** The signal aborts when the last of those who asked together has left. */
  read(signal: AbortSignal): Promise<Resource<K>>
}

async function watchEach<K extends Kind>(targets: Target<K>[], context: Context): Promise<Feed<K>> {
  const byKey = new Map(targets.map((target) => [target.address.key, target]))
  const once = [...byKey.values()]
  return openFeed<K>({
    nudges: context.ledger.nudges,
    targets: once.map(({ address }) => address),
    present: () =>
      Promise.all(
        once.map(({ address, read }) => context.reads.registered(address, context.caller(), read)),
      ),
    keys: async () => [...byKey.keys()],
    async transitionsAfter(key, seq) {
      const target = byKey.get(key)
      return target ? context.reads.transitionsAfter(target.address, seq) : []
    },
    finite: true,
  })
}

function checkIds(ids: readonly string[], { limits }: Context): readonly string[] {
  const { subscriptionIds } = limits
  if (ids.length > 0 && ids.length <= subscriptionIds) return ids
  throw refuseInput([{ path: ['ids'], message: `Give between 1 and ${subscriptionIds} ids.` }])
}

function asAssetChange(change: StatusChange<AssetStatus>, resource: Resource<'asset'>) {
  return { ...change, asset: assetOf(resource) }
}

function asVideoTaskChange(change: StatusChange<VideoTaskStatus>, resource: Resource<'videoTask'>) {
  return { ...change, videoTask: videoTaskOf(resource) }
}

/**
 * The feed in the form subscribers get it, ended when the caller leaves.
 * Each change gets loaders of its own: a loader answers the same for as long as it lives.
 */
function changes<K extends Kind, T>(
  feed: Feed<K>,
  view: (change: StatusChange<Status<K>>, resource: Resource<K>) => T,
  context: Context,
): AsyncIterableIterator<T> {
  const { signal, expiresAt } = context.caller()
  const onAbort = () => void feed.return()
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  // Where there is no socket to close, a stream ends with the credential it was asked for with.
  const expiry = expiresAt === null ? undefined : setTimeout(onAbort, untilMs(expiresAt))
  const stopWaiting = () => {
    signal?.removeEventListener('abort', onAbort)
    clearTimeout(expiry)
  }
  return {
    async next() {
      const { done, value } = await feed.next()
      if (done) {
        stopWaiting()
        return { done: true, value: undefined }
      }
      context.loaders = createLoaders(context)
      const { previous, current, resource } = value
      const change = { previous, current, observedAt: resource.observedAt }
      return { done: false, value: view(change, resource) }
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

/** The longest a timer of Node lasts: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1

function untilMs(time: number): number {
  return Math.min(MAX_TIMER_MS, Math.max(0, time - Date.now()))
}
