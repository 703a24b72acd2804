import {
  type AssetGroupSnapshot,
  type AssetSnapshot,
  type CreateVideoTaskRequest,
  isTerminalAsset,
  isTerminalTask,
  type VideoTaskSnapshot,
  type VideoTaskStatus,
} from '../model.ts'

/** For each kind of resource: what 0-0 says of it, and what only this service knows of one created here. */
interface Kinds {
  assetGroup: { snapshot: AssetGroupSnapshot; origin: null }
  asset: { snapshot: AssetSnapshot; origin: { sourceUrl: string } | null }
  videoTask: {
    snapshot: VideoTaskSnapshot
    /** `model` is what 0-0 routes polls by; `request` is absent for a task created elsewhere. */
    origin: { model: string | null; request: CreateVideoTaskRequest | null } | null
  }
}
export type Kind = keyof Kinds
export type Snapshot<K extends Kind = Kind> = Kinds[K]['snapshot']
export type Origin<K extends Kind = Kind> = Kinds[K]['origin']
export type Status<K extends Kind = Kind> = Snapshot<K>['status']

/** Names one resource of one tenant; `key` is unique among the tenant's resources of the kind. */
export interface Address<K extends Kind = Kind> {
  tenant: string
  kind: K
  key: string
}

/** A resource as the ledger remembers it. */
export interface Resource<K extends Kind = Kind> {
  key: string
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** Why polling it ended before its time, or null. */
  note: string | null
  /** No further status is expected. */
  settled: boolean
  /** The transition that led to the present status. */
  seq: number
  /** When it was first seen as it is now: an answer that says the same again does not move this. */
  observedAt: Date
}

/** One change of status. `previous` is null for the first status ever observed. */
export interface Transition<K extends Kind = Kind> {
  previous: Status<K> | null
  current: Status<K>
  /** The resource as it was right after the change. */
  resource: Resource<K>
}

export function isTerminal(kind: Kind, status: Status): boolean {
  switch (kind) {
    case 'assetGroup':
      return true // nothing is known to follow
    case 'asset':
      return isTerminalAsset(status as Status<'asset'>)
    case 'videoTask':
      return isTerminalTask(status as VideoTaskStatus)
  }
}

const TASK_ORDER: Partial<Record<Status, number>> = { WAITING_FOR_ASSETS: 0, QUEUED: 1, RUNNING: 2 }

/**
 * Whether `next`, observed after `previous` was recorded, can only be an old answer that arrived late:
 * a terminal status never changes, and a task that ran does not queue again.
 */
export function isStale(kind: Kind, previous: Status, next: Status): boolean {
  if (previous === next) return false
  if (kind === 'assetGroup') return false
  if (isTerminal(kind, previous)) return true
  const [from, to] = [TASK_ORDER[previous], TASK_ORDER[next]]
  return from !== undefined && to !== undefined && to < from
}

/** What is true of one status only. */
const TRANSIENT = { failureReason: null, progress: null }

/** `next`, where it leaves something out completed by what was said before: providers answer sparsely. */
export function mergeSnapshot<K extends Kind>(before: Snapshot<K>, next: Snapshot<K>): Snapshot<K> {
  const said = Object.entries(next).filter(([, value]) => value !== null)
  const lasting = next.status === before.status ? before : { ...before, ...keep(TRANSIENT, before) }
  return { ...lasting, ...Object.fromEntries(said) }
}

/** The entries of `values` that `shape` has too. */
function keep(values: object, shape: object): object {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in shape))
}

export function encodeJson(value: unknown): string {
  return JSON.stringify(value)
}

/** A snapshot that `encodeJson` wrote. Only its own times become dates again: what it carries within is not ours. */
export function decodeSnapshot<K extends Kind>(text: string): Snapshot<K> {
  const snapshot = JSON.parse(text)
  for (const name of ['createdAt', 'updatedAt']) {
    if (typeof snapshot[name] === 'string') snapshot[name] = new Date(snapshot[name])
  }
  return snapshot
}

/** An origin that `encodeJson` wrote, as it was: `providerOptions` are the caller's, whatever their names. */
export function decodeOrigin<K extends Kind>(text: string | null): Origin<K> {
  return text === null ? null : JSON.parse(text)
}
