import type { VideoTaskSnapshot } from '../model/entities.ts'
import { isTerminal, type Kind, type Origin, type Snapshot } from './entity.ts'
import type { EntityTable } from './tables.ts'

/** The columns with the times of an entity. All are milliseconds since the epoch, or null. */
export type TimeColumns = Pick<
  EntityTable,
  'registered_at' | 'submitted_at' | 'started_at' | 'finished_at'
>

/** Returns the values of a snapshot and an origin that lists, searches and estimates compare. */
export function searchedColumnsOf(kind: Kind, snapshot: Snapshot, origin: Origin) {
  return {
    search_text: (searchedTextOf(snapshot, origin) ?? '').toLowerCase().replaceAll('\0', ''),
    ...taskColumnsOf(kind, snapshot, origin),
  }
}

function searchedTextOf(snapshot: Snapshot, origin: Origin): string | null {
  if ('name' in snapshot) return snapshot.name
  return origin !== null && 'request' in origin ? (origin.request?.prompt ?? null) : null
}

function taskColumnsOf(kind: Kind, snapshot: Snapshot, origin: Origin) {
  if (kind !== 'videoTask') {
    return { model: null, resolution: null, duration: null, total_tokens: null }
  }
  const { model, video, usage } = snapshot as VideoTaskSnapshot
  const created = origin as Origin<'videoTask'>
  const duration = created?.request?.duration ?? video?.duration ?? null
  return {
    model: withoutNul(created?.model ?? model),
    resolution: withoutNul(created?.request?.resolution ?? video?.resolution ?? null),
    duration: duration === null ? null : Math.round(duration),
    total_tokens: usage?.totalTokens ?? null,
  }
}

/** PostgreSQL cannot store the character NUL in a text. */
function withoutNul(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '')
}

/**
 * Returns the times of an entity that is registered now. For a task that was created elsewhere, they are the times that
 * 0-0 reported, as far as it did.
 */
export function firstTimesOf(
  kind: Kind,
  snapshot: Snapshot,
  origin: Origin,
  nowMs: number,
): TimeColumns {
  const isEnded = kind !== 'assetGroup' && isTerminal(kind, snapshot.status)
  const seen = {
    registered_at: nowMs,
    submitted_at: null,
    started_at: null,
    finished_at: isEnded ? nowMs : null,
  }
  if (kind !== 'videoTask') return seen
  const task = snapshot as VideoTaskSnapshot
  const isCreatedHere = (origin as Origin<'videoTask'>)?.request != null
  const reported = (time: Date | null) => (isCreatedHere ? nowMs : (time?.getTime() ?? nowMs))
  return {
    ...seen,
    submitted_at: task.taskId === null ? null : reported(task.createdAt),
    started_at: task.status === 'RUNNING' ? nowMs : null,
    finished_at: isEnded ? reported(task.updatedAt) : null,
  }
}

/** Returns the times that an observed snapshot sets: each is the time at which something was first observed. */
export function nextTimesOf(
  row: TimeColumns & { kind: string },
  snapshot: Snapshot,
  nowMs: number,
): Partial<TimeColumns> {
  const kind = row.kind as Kind
  if (kind === 'assetGroup') return {}
  const isSubmitted = 'taskId' in snapshot && snapshot.taskId !== null
  return {
    ...(isSubmitted && row.submitted_at === null ? { submitted_at: nowMs } : {}),
    ...(snapshot.status === 'RUNNING' && row.started_at === null ? { started_at: nowMs } : {}),
    ...(isTerminal(kind, snapshot.status) && row.finished_at === null
      ? { finished_at: nowMs }
      : {}),
  }
}
