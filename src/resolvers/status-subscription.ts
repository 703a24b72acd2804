import type { Entity, EntityRef, Kind, Status, Transition } from '../ledger/entity.ts'
import { keyOf, type Platform } from '../model/entities.ts'
import { type Failure, invalidInput, RequestError } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { type Feed, type FeedOptions, openFeed } from './feed.ts'
import { getPlatformId, getVideoTaskId } from './ids.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { renewLoaders } from './renew-loaders.ts'
import { taskRefOf, type VideoTask, videoTaskOf } from './video-task.ts'

/** One event of a status subscription. `previous` is null in the first event of each entity. */
interface StatusChange<S> {
  previous: S | null
  current: S
  observedAt: Date
}
/** An event of `assetStatusChanged` and `assetGroupStatusChanged`. */
export type AssetStatusChange = StatusChange<Status<'asset'>> & { asset: Asset }
/** An event of `videoTaskStatusChanged`. */
export type VideoTaskStatusChange = StatusChange<Status<'videoTask'>> & { videoTask: VideoTask }

/** Creates the event for a transition of an asset, and new loaders for the event. */
export function assetStatusChange(
  transition: Transition<'asset'>,
  context: Context,
): AssetStatusChange {
  return { ...startEvent(transition, context), asset: assetOf(transition.entity) }
}

/** Creates the event for a transition of a video task, and new loaders for the event. */
export function videoTaskStatusChange(
  transition: Transition<'videoTask'>,
  context: Context,
): VideoTaskStatusChange {
  return { ...startEvent(transition, context), videoTask: videoTaskOf(transition.entity) }
}

function startEvent<K extends Kind>(
  { previous, current, entity }: Transition<K>,
  context: Context,
): StatusChange<Status<K>> {
  renewLoaders(context)
  return { previous, current, observedAt: entity.observedAt }
}

/**
 * Follows assets until the polling of all has ended. Throws INVALID_INPUT for an invalid id or too many ids, and
 * NOT_FOUND with `ids` when 0-0 does not know some of them.
 */
export async function subscribeToAssets(
  ids: readonly string[],
  platform: Platform,
  context: Context,
): Promise<Feed<'asset'>> {
  const { tenant } = requireIdentity(context)
  const targets = checkIds(ids, context).map((id, index) => {
    const ref = getPlatformId('Asset', id, platform, ['ids', String(index)])
    const entityRef = { tenant, kind: 'asset', key: keyOf(ref) } as const
    const read = (signal: AbortSignal) => context.reads.asset(ref, withSignal(context, signal))
    return { ids: [id], ref: entityRef, read }
  })
  return followEach(targets, context)
}

/**
 * Follows video tasks until the polling of all has ended; with `includeProgress` also changes of only the progress.
 * Throws like `subscribeToAssets`.
 */
export async function subscribeToVideoTasks(
  ids: readonly string[],
  { model, includeProgress }: { model: string | null; includeProgress: boolean },
  context: Context,
): Promise<Feed<'videoTask'>> {
  const { tenant } = requireIdentity(context)
  const parsed = checkIds(ids, context).map((id, index) => ({
    id,
    key: getVideoTaskId(id, ['ids', String(index)]),
  }))
  const targets = parsed.map(async ({ id, key }) => {
    const known = await context.ledger.find({ tenant, kind: 'videoTask', key })
    const taskRef = taskRefOf(key, model, known)
    const ref = { tenant, kind: 'videoTask', key: taskRef.key } as const
    const read = (signal: AbortSignal) =>
      context.reads.videoTask(taskRef, withSignal(context, signal))
    return { ids: [id], ref, read }
  })
  return followEach(await Promise.all(targets), context, includeProgress)
}

/**
 * Follows every asset of a group that is registered here, including assets registered later. Does not complete. Throws
 * NOT_FOUND when 0-0 does not know the group.
 */
export async function subscribeToAssetGroup(
  id: string,
  platform: Platform,
  context: Context,
): Promise<Feed<'asset'>> {
  const { tenant } = requireIdentity(context)
  const groupRef = getPlatformId('AssetGroup', id, platform)
  const key = keyOf(groupRef)
  const ref = { tenant, kind: 'assetGroup', key } as const
  const read = (signal: AbortSignal) =>
    context.reads.assetGroup(groupRef, withSignal(context, signal))
  return follow<'asset'>(
    {
      targets: [ref],
      async present() {
        await context.reads.ensureRegistered(ref, context, read)
        return context.ledger.children(tenant, 'asset', key)
      },
      async keys() {
        return (await context.ledger.children(tenant, 'asset', key)).map((asset) => asset.key)
      },
      transitionsAfter: (key, seq) =>
        context.reads.transitionsAfter({ tenant, kind: 'asset', key }, seq),
      finite: false,
    },
    context,
  )
}

/** An entity to follow, and how to read it from 0-0 when it is not registered here. */
interface Target<K extends Kind> {
  /** The ids in the request; several when they identify the same entity. */
  ids: string[]
  ref: EntityRef<K>
  /** The signal aborts when every operation that shares the read has ended. */
  read(signal: AbortSignal): Promise<Entity<K>>
}

function followEach<K extends Kind>(
  targets: Target<K>[],
  context: Context,
  includeProgress = false,
): Promise<Feed<K>> {
  const byKey = new Map<string, Target<K>>()
  for (const target of targets) {
    const same = byKey.get(target.ref.key)
    if (same) same.ids.push(...target.ids)
    else byKey.set(target.ref.key, target)
  }
  const distinct = [...byKey.values()]
  return follow<K>(
    {
      targets: distinct.map(({ ref }) => ref),
      present: () => registerAll(distinct, context),
      keys: async () => [...byKey.keys()],
      async transitionsAfter(key, seq) {
        const target = byKey.get(key)
        return target ? context.reads.transitionsAfter(target.ref, seq) : []
      },
      finite: true,
      includeProgress,
    },
    context,
  )
}

/** Opens a feed that ends when the caller disconnects or the credential expires. */
function follow<K extends Kind>(
  options: Omit<FeedOptions<K>, 'notifier' | 'signal' | 'expiresAt'>,
  context: Context,
): Promise<Feed<K>> {
  const { signal, ledger } = context
  const { expiresAt } = requireIdentity(context)
  return openFeed<K>({ ...options, notifier: ledger.notifier, signal, expiresAt })
}

/** Registers the entities that are not registered. Throws NOT_FOUND with the ids of all that 0-0 does not know. */
async function registerAll<K extends Kind>(
  targets: Target<K>[],
  context: Context,
): Promise<Entity<K>[]> {
  const found = await Promise.all(
    targets.map(({ ref, read }) =>
      nullIfNotFound(context.reads.ensureRegistered(ref, context, read)),
    ),
  )
  const unknown = targets.filter((_, index) => found[index] === null).flatMap(({ ids }) => ids)
  const total = targets.flatMap(({ ids }) => ids).length
  if (unknown.length > 0) throw new RequestError(notFound(unknown, total))
  return found.filter((entity) => entity !== null)
}

function checkIds(ids: readonly string[], { limits }: Context): readonly string[] {
  const { subscriptionIds } = limits
  if (ids.length > 0 && ids.length <= subscriptionIds) return ids
  throw invalidInput([{ path: ['ids'], message: `Give between 1 and ${subscriptionIds} ids.` }])
}

/** Returns the request with another signal. */
export function withSignal({ identity, requestId }: Context, signal: AbortSignal) {
  return { identity, requestId, signal }
}

/** Returns the failure for ids that 0-0 does not know. */
export function notFound(ids: string[], total: number): Failure {
  const message =
    total === 1
      ? `Not found: ${ids[0]}.`
      : `Not found: ${ids.length} of ${total} ids, named in extensions.ids.`
  return { code: 'NOT_FOUND', message, retryable: false, ids }
}
