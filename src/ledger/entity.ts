import {
  type AssetGroupSnapshot,
  type AssetSnapshot,
  isTerminalAsset,
  isTerminalTask,
  type VideoTaskSnapshot,
  type VideoTaskStatus,
} from '../model/entities.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'

/** For each kind of entity: what 0-0 reported, and what only this service knows about an entity that was created here. */
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

/** Names one entity of one tenant. `key` is unique among the tenant's entities of that kind. */
export interface EntityRef<K extends Kind = Kind> {
  tenant: string
  kind: K
  key: string
}

/** One text for a reference: the same reference always has the same text. */
export function nameOf({ tenant, kind, key }: EntityRef): string {
  return `${tenant} ${kind} ${key}`
}

/** Something that 0-0 knows (a group, an asset or a video task), as the ledger stores it. */
export interface Entity<K extends Kind = Kind> {
  key: string
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** True when it is not polled any more: its status is terminal, or its poll job ended early. */
  pollingEnded: boolean
  /** Why its poll job ended before a terminal status; null when it did not. */
  pollingEndedReason: string | null
  /** The transition that led to the present status. */
  seq: number
  /** When the present values were first observed. Observing the same values again does not change it. */
  observedAt: Date
}

/** One change of status. `previous` is null for the first status ever observed. */
export interface Transition<K extends Kind = Kind> {
  previous: Status<K> | null
  current: Status<K>
  /** The entity right after the change. */
  entity: Entity<K>
}

/** Whether 0-0 reports no other status after this one. A group has no lifecycle, so each of its statuses is terminal. */
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

const TASK_ORDER: Partial<Record<Status, number>> = { WAITING_FOR_ASSETS: 0, QUEUED: 1, RUNNING: 2 }

/**
 * Whether `next`, received after `previous` was recorded, must be an older answer that arrived late: a terminal status
 * never changes, and a running task is not queued again.
 */
export function isStale(kind: Kind, previous: Status, next: Status): boolean {
  if (previous === next) return false
  if (kind === 'assetGroup') return false
  if (isTerminal(kind, previous)) return true
  const [from, to] = [TASK_ORDER[previous], TASK_ORDER[next]]
  return from !== undefined && to !== undefined && to < from
}

/** Fields that belong to one status: a new status resets them. */
const TRANSIENT = { failureReason: null, progress: null }

/**
 * `next`, with the values of `before` where `next` has none. Providers omit fields that they reported earlier.
 */
export function mergeSnapshot<K extends Kind>(before: Snapshot<K>, next: Snapshot<K>): Snapshot<K> {
  const said = Object.entries(next).filter(([, value]) => value !== null)
  const lasting = next.status === before.status ? before : { ...before, ...keep(TRANSIENT, before) }
  return { ...lasting, ...Object.fromEntries(said) }
}

/** The entries of `values` whose names `shape` has too. */
function keep(values: object, shape: object): object {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in shape))
}

/** The text in which snapshots and origins are stored. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value)
}

/** A snapshot that `encodeJson` wrote. Only its own two times become dates: nested values are the provider's. */
export function decodeSnapshot<K extends Kind>(text: string): Snapshot<K> {
  const snapshot = JSON.parse(text)
  for (const name of ['createdAt', 'updatedAt']) {
    if (typeof snapshot[name] === 'string') snapshot[name] = new Date(snapshot[name])
  }
  return snapshot
}

/** An origin that `encodeJson` wrote. Texts in it stay texts: `providerOptions` are the caller's values. */
export function decodeOrigin<K extends Kind>(text: string | null): Origin<K> {
  return text === null ? null : JSON.parse(text)
}
