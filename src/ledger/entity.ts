import {
  type AssetGroupSnapshot,
  type AssetSnapshot,
  isTerminalAsset,
  isTerminalTask,
  type VideoTaskSnapshot,
  type VideoTaskStatus,
} from '../model/entities.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'

/**
 * The types of each kind of entity. `snapshot` is what 0-0 last reported. `origin` is what only this service
 * knows; it is null for a group, and for an entity that was not created through this service.
 */
interface Kinds {
  assetGroup: { snapshot: AssetGroupSnapshot; origin: null }
  asset: { snapshot: AssetSnapshot; origin: { sourceUrl: string } | null }
  videoTask: {
    snapshot: VideoTaskSnapshot
    /** 0-0 routes polls by `model`. `request` is null for a task that was created elsewhere. */
    origin: { model: string | null; request: CreateVideoTaskRequest | null } | null
  }
}
/** The kind of an entity. */
export type Kind = keyof Kinds
/** What 0-0 last reported about an entity. */
export type Snapshot<K extends Kind = Kind> = Kinds[K]['snapshot']
/** What only this service knows about an entity, stored when it is registered. */
export type Origin<K extends Kind = Kind> = Kinds[K]['origin']
/** The status of an entity. */
export type Status<K extends Kind = Kind> = Snapshot<K>['status']

/** Names one entity of one tenant. `key` is unique among the tenant's entities of that kind. */
export interface EntityRef<K extends Kind = Kind> {
  tenant: string
  kind: K
  key: string
}

/** Returns a string that is equal for equal references, e.g. for a map key. */
export function nameOf({ tenant, kind, key }: EntityRef): string {
  return `${tenant} ${kind} ${key}`
}

/** A group, an asset or a video task of 0-0, as the ledger stores it. */
export interface Entity<K extends Kind = Kind> {
  key: string
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** True when there are no further polls: the status is terminal, or the poll job ended early. */
  pollingEnded: boolean
  /** Why the poll job ended before a terminal status; null when it did not. */
  pollingEndedReason: string | null
  /** The sequence number of the latest transition. */
  seq: number
  /** When the stored values were first observed. Observing the same values again does not change it. */
  observedAt: Date
  /** When the entity was registered here; null when it is not registered. */
  registeredAt: Date | null
  /** When 0-0 accepted the task. Null for other kinds. The following times are null while they have not come. */
  submittedAt: Date | null
  /** When the task was first observed as RUNNING. */
  startedAt: Date | null
  /** When a terminal status of the asset or the task was first recorded. */
  finishedAt: Date | null
}

/** The values of an entity that is not registered, because it was only read or could not be recorded. */
export const UNREGISTERED = {
  pollingEndedReason: null,
  seq: 0,
  registeredAt: null,
  submittedAt: null,
  startedAt: null,
  finishedAt: null,
} as const

/**
 * A change of status. `previous` and `current` are equal when polling ended early, and when only the progress of a task
 * changed (see `isProgress`). `previous` is null for the first observed status.
 */
export interface Transition<K extends Kind = Kind> {
  previous: Status<K> | null
  current: Status<K>
  /** The entity right after the change. */
  entity: Entity<K>
}

/** Whether only the progress of a task changed. */
export function isProgress({ previous, current, entity }: Transition): boolean {
  return previous === current && !entity.pollingEnded
}

/** Whether the status never changes again. A group has no lifecycle, so all its statuses are terminal. */
export function isTerminal(kind: Kind, status: Status): boolean {
  switch (kind) {
    case 'assetGroup':
      return true
    case 'asset':
      return isTerminalAsset(status as Status<'asset'>)
    case 'videoTask':
      return isTerminalTask(status as VideoTaskStatus)
  }
}

/** The order of the non-terminal statuses of a video task. */
const TASK_ORDER: Partial<Record<Status, number>> = { WAITING_FOR_ASSETS: 0, QUEUED: 1, RUNNING: 2 }

/**
 * Whether `next` is outdated: a response with an older status that arrived after `previous` was recorded.
 * A terminal status never changes, and a running task is never queued again.
 */
export function isStale(kind: Kind, previous: Status, next: Status): boolean {
  if (previous === next) return false
  if (kind === 'assetGroup') return false
  if (isTerminal(kind, previous)) return true
  const [from, to] = [TASK_ORDER[previous], TASK_ORDER[next]]
  return from !== undefined && to !== undefined && to < from
}

/** Fields that belong to one status. A change of status resets them. */
const TRANSIENT = { failureReason: null, failureCode: null, failedAssetKey: null, progress: null }

/**
 * Returns `next` with its null fields filled from `before`, because providers may omit fields that they
 * reported earlier. After a change of status, fields that belong to one status are not filled.
 */
export function mergeSnapshot<K extends Kind>(before: Snapshot<K>, next: Snapshot<K>): Snapshot<K> {
  const reported = Object.entries(next).filter(([, value]) => value !== null)
  const kept = next.status === before.status ? before : { ...before, ...pick(TRANSIENT, before) }
  return { ...kept, ...Object.fromEntries(reported) }
}

/** Returns the fields of `values` whose names are also fields of `shape`. */
function pick(values: object, shape: object): object {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in shape))
}

/** Encodes a snapshot or an origin for storage. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value)
}

/**
 * Decodes a snapshot that `encodeJson` wrote. Only its own two times become dates; nested values belong to
 * the provider and stay as they are.
 */
export function decodeSnapshot<K extends Kind>(text: string): Snapshot<K> {
  const snapshot = JSON.parse(text)
  for (const name of ['createdAt', 'updatedAt']) {
    if (typeof snapshot[name] === 'string') snapshot[name] = new Date(snapshot[name])
  }
  return snapshot
}

/** Decodes an origin that `encodeJson` wrote. No string becomes a date, because `providerOptions` belong to the caller. */
export function decodeOrigin<K extends Kind>(text: string | null): Origin<K> {
  return text === null ? null : JSON.parse(text)
}

/**
 * Returns the snapshot to store after `observed`, or null when nothing changes: `observed` has the stored values, or is an
 * older answer that arrived late. `beforeText` is the JSON of `before`.
 */
export function changedSnapshot<K extends Kind>(
  kind: K,
  before: Snapshot<K>,
  observed: Snapshot<K>,
  beforeText = encodeJson(before),
): Snapshot<K> | null {
  if (isStale(kind, before.status, observed.status)) return null
  const after = mergeSnapshot<K>(before, observed)
  return encodeJson(after) === beforeText ? null : after
}
