import type { Entity, Transition } from '../ledger/entity.ts'
import { assetOf } from './asset.ts'
import { videoTaskOf } from './video-task.ts'

/** The type of an event of a timeline. */
export type TimelineEventType =
  | 'ACCEPTED'
  | 'ASSET_READY'
  | 'ASSET_FAILED'
  | 'SENT'
  | 'STARTED'
  | 'PROGRESSED'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'CANCELLED'

/** An event in the making of a video. */
export interface TimelineEntry {
  /** The same for the same event of a task, whenever the timeline is computed. */
  name: string
  at: Date
  type: TimelineEventType
  message: string
  asset: Entity<'asset'> | null
}

/**
 * Returns the events of a task so far, in order, computed from the stored times. The last event is SUCCEEDED, FAILED or
 * CANCELLED when the polling of the task has ended. `assets` are the assets that the task refers to. `transitions` are
 * those of the task, of which the oldest may have been pruned; they contain the earlier values of the progress.
 */
export function timelineOf(
  task: Entity<'videoTask'>,
  assets: readonly Entity<'asset'>[],
  transitions: readonly Transition<'videoTask'>[],
): TimelineEntry[] {
  const acceptedAt = acceptedAtOf(task)
  const started = startOf(task, acceptedAt)
  const entries = [
    entry('ACCEPTED', acceptedAt, `The task ${task.key} was accepted.`),
    ...assets.flatMap((asset) => assetEntries(asset, acceptedAt, task.submittedAt)),
    ...started,
    ...progressEntries(task, transitions, started.at(-1)?.at ?? acceptedAt),
  ]
  const end = endOf(task)
  if (end === null) return inOrder(entries)
  // What happened to an asset after the end of the task is not part of its timeline.
  const before = inOrder(entries).filter(({ asset, at }) => asset === null || at <= end.at)
  const lastAt = before.at(-1)?.at ?? acceptedAt
  return [...before, { ...end, at: laterOf(end.at, lastAt) }]
}

/** A task that was created elsewhere can be registered here after 0-0 accepted it. */
function acceptedAtOf({ registeredAt, submittedAt, observedAt }: Entity<'videoTask'>): Date {
  const registered = registeredAt ?? observedAt
  return submittedAt !== null && submittedAt < registered ? submittedAt : registered
}

/** An asset that was ready before the task counts at the time of the task; one of a sent task was ready before that. */
function assetEntries(
  asset: Entity<'asset'>,
  acceptedAt: Date,
  submittedAt: Date | null,
): TimelineEntry[] {
  const { status, name, assetId } = asset.snapshot
  const { failureReason } = assetOf(asset)
  // 0-0 reports an empty name for an asset without one.
  const label = name ? `"${name}" (${assetId})` : assetId
  const endedAt = laterOf(asset.finishedAt ?? asset.observedAt, acceptedAt)
  if (status === 'ACTIVE') {
    const at = submittedAt !== null && submittedAt < endedAt ? submittedAt : endedAt
    return [entry('ASSET_READY', at, `The asset ${label} is ready.`, asset)]
  }
  if (status !== 'FAILED' && asset.pollingEndedReason === null) return []
  const message = `The asset ${label} failed: ${failureReason ?? 'no reason given'}.`
  return [entry('ASSET_FAILED', endedAt, withOneStop(message), asset)]
}

function startOf(task: Entity<'videoTask'>, acceptedAt: Date): TimelineEntry[] {
  const { submittedAt, startedAt, snapshot } = task
  const { taskId } = snapshot
  if (submittedAt === null) return []
  const sentAt = laterOf(submittedAt, acceptedAt)
  const sent = entry('SENT', sentAt, `0-0 accepted the task as ${taskId ?? task.key}.`)
  if (startedAt === null) return [sent]
  return [sent, entry('STARTED', laterOf(startedAt, sentAt), 'The video is being made.')]
}

/** Each progress that was observed while the task was RUNNING. */
function progressEntries(
  task: Entity<'videoTask'>,
  transitions: readonly Transition<'videoTask'>[],
  startedAt: Date,
): TimelineEntry[] {
  const observed = transitions.map(({ entity }) => entity)
  const isKept = observed.some(({ seq }) => seq === task.seq)
  const entries: TimelineEntry[] = []
  let last: number | null = null
  for (const { snapshot, seq, observedAt } of isKept ? observed : [...observed, task]) {
    const { status, progress } = snapshot
    if (status !== 'RUNNING' || progress === null || progress === last) continue
    last = progress
    const message = `The video is ${progress}% done.`
    const name = `PROGRESSED ${seq}`
    const at = laterOf(observedAt, entries.at(-1)?.at ?? startedAt)
    entries.push({ name, at, type: 'PROGRESSED', message, asset: null })
  }
  return entries
}

/** The last event, or null while the task is polled. */
function endOf(task: Entity<'videoTask'>): TimelineEntry | null {
  if (!task.pollingEnded) return null
  const { failureReason } = videoTaskOf(task)
  const at = task.finishedAt ?? task.observedAt
  const reason = failureReason === null ? '' : `: ${failureReason}`
  switch (task.snapshot.status) {
    case 'SUCCEEDED':
      return entry('SUCCEEDED', at, 'The video is ready.')
    case 'CANCELLED':
      return entry('CANCELLED', at, withOneStop(`The task was cancelled${reason}.`))
    case 'EXPIRED':
      return entry('FAILED', at, withOneStop(`The task expired at 0-0${reason}.`))
    default:
      return entry('FAILED', at, withOneStop(`The task failed${reason}.`))
  }
}

function entry(
  type: TimelineEventType,
  at: Date,
  message: string,
  asset: Entity<'asset'> | null = null,
): TimelineEntry {
  return { name: asset === null ? type : `${type} ${asset.key}`, at, type, message, asset }
}

/** Sorts by time. Events of the same time keep their order, which is the order in which a video is made. */
function inOrder(entries: TimelineEntry[]): TimelineEntry[] {
  return entries.toSorted((one, other) => one.at.getTime() - other.at.getTime())
}

function laterOf(one: Date, other: Date): Date {
  return one > other ? one : other
}

/** A reason may end with a full stop of its own. */
function withOneStop(message: string): string {
  return message.replace(/\.+$/, '.')
}
