import type { Entity, EntityRef, Transition } from '../ledger/entity.ts'
import { keyOf, type PlatformRef } from '../model/entities.ts'
import { RequestError } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { EventFeed, type FeedLifetime, type ReadResult } from './event-feed.ts'
import { getVideoTaskId } from './ids.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { renewLoaders } from './renew-loaders.ts'
import { notFound, withSignal } from './status-subscription.ts'
import { type TimelineEntry, type TimelineEventType, timelineOf } from './timeline.ts'
import { taskRefOf, type VideoTask, videoTaskOf } from './video-task.ts'

/** An event of `videoTaskTimeline`. */
export interface TimelineEvent {
  at: Date
  type: TimelineEventType
  message: string
  asset: Asset | null
  videoTask: VideoTask
}

/** An entry of a timeline, and the task when the timeline was computed. */
type TimelineStep = TimelineEntry & { task: Entity<'videoTask'> }

/** Creates the event for a step, and new loaders for the event. */
export function timelineEvent(step: TimelineStep, context: Context): TimelineEvent {
  renewLoaders(context)
  const { at, type, message, asset, task } = step
  return { at, type, message, asset: asset && assetOf(asset), videoTask: videoTaskOf(task) }
}

/**
 * Follows the making of a video: first the events so far, then each later event. Completes with the end of the task. A
 * task that is not registered here is registered first. Throws NOT_FOUND when 0-0 does not know the task.
 */
export async function subscribeToTimeline(
  id: string,
  context: Context,
): Promise<EventFeed<TimelineStep>> {
  const { tenant, expiresAt } = requireIdentity(context)
  const { ledger, signal } = context
  const task = await registeredTask(id, context)
  const taskRef = { tenant, kind: 'videoTask', key: task.key } as const
  const assetRefs = await registeredAssets(task, context)
  return new TimelineFeed({
    targets: [taskRef, ...assetRefs],
    listen: ledger.notifier.listen,
    task: () => ledger.find(taskRef),
    async assets() {
      const assets = await Promise.all(assetRefs.map((ref) => ledger.find(ref)))
      return assets.filter((asset) => asset !== null)
    },
    // Not the shared read, which can be older than the task.
    transitions: () => ledger.transitionsAfter(taskRef, 0),
    signal,
    expiresAt,
  })
}

/** Returns the task from the ledger, also when its polling ended early: its timeline then has an end. */
async function registeredTask(id: string, context: Context): Promise<Entity<'videoTask'>> {
  const { tenant } = requireIdentity(context)
  const key = getVideoTaskId(id)
  const known = await context.ledger.find({ tenant, kind: 'videoTask', key })
  if (known) return known
  const taskRef = taskRefOf(key, null, known)
  const ref = { tenant, kind: 'videoTask', key } as const
  const read = (signal: AbortSignal) =>
    context.reads.videoTask(taskRef, withSignal(context, signal))
  const registered = await nullIfNotFound(context.reads.ensureRegistered(ref, context, read))
  if (registered) return registered
  throw new RequestError(notFound([id], 1))
}

/** Registers the assets of the task that are not registered. Leaves out those that 0-0 does not know. */
async function registeredAssets(
  { origin }: Entity<'videoTask'>,
  context: Context,
): Promise<EntityRef<'asset'>[]> {
  const { tenant } = requireIdentity(context)
  const assets = new Map<string, PlatformRef>()
  for (const { platform, assetId } of origin?.request?.resources ?? []) {
    if (assetId === undefined) continue
    const ref = { platform, id: assetId }
    assets.set(keyOf(ref), ref)
  }
  const registering = [...assets].map(async ([key, assetRef]) => {
    const ref = { tenant, kind: 'asset', key } as const
    if (await context.ledger.find(ref)) return ref
    const read = (signal: AbortSignal) => context.reads.asset(assetRef, withSignal(context, signal))
    return (await nullIfNotFound(context.reads.ensureRegistered(ref, context, read))) && ref
  })
  return (await Promise.all(registering)).filter((ref) => ref !== null)
}

interface TimelineFeedOptions extends FeedLifetime {
  /** The task and its assets. */
  targets: EntityRef[]
  listen(target: EntityRef, listener: () => void): () => void
  task(): Promise<Entity<'videoTask'> | null>
  assets(): Promise<Entity<'asset'>[]>
  transitions(): Promise<Transition<'videoTask'>[]>
}

/** Computes the timeline after each notification, and yields what is new. */
class TimelineFeed extends EventFeed<TimelineStep> {
  readonly #options: TimelineFeedOptions
  /** The names of the entries that were yielded. */
  readonly #known = new Set<string>()
  #mayHaveChanged = true
  #isEnded = false

  constructor(options: TimelineFeedOptions) {
    super(options)
    this.#options = options
    for (const target of options.targets) {
      this.onEnd(
        options.listen(target, () => {
          this.#mayHaveChanged = true
          this.wake()
        }),
      )
    }
  }

  protected override async read(): Promise<ReadResult> {
    if (this.#isEnded) return 'completed'
    if (!this.#mayHaveChanged) return 'waiting'
    // Reset before reading, so that a notification during the read sets it again.
    this.#mayHaveChanged = false
    try {
      await this.#readNew()
    } catch (error) {
      this.#mayHaveChanged = true
      throw error
    }
    return 'read'
  }

  async #readNew(): Promise<void> {
    // The task first: when it has ended because of an asset, the asset read after it has ended too.
    const task = await this.#options.task()
    if (!task) return
    const [assets, transitions] = [await this.#options.assets(), await this.#options.transitions()]
    const seen = transitions.filter(({ entity }) => entity.seq <= task.seq)
    for (const entry of timelineOf(task, assets, seen)) {
      if (this.#known.has(entry.name)) continue
      this.#known.add(entry.name)
      this.ready.push({ ...entry, task })
    }
    this.#isEnded = task.pollingEnded
  }
}
