import type { Generated } from 'kysely'

/** Everything 0-0 has that was created here or subscribed to: groups, assets and video tasks alike. */
export interface ResourceTable {
  /** Order of registration, over all tenants; what list cursors are made of. */
  position: Generated<number>
  tenant: string
  kind: string
  key: string
  /** Another key it is known by: the id 0-0 gave to a task that had one of ours first. */
  alias: string | null
  /** An asset's group, by that group's key. */
  parent: string | null
  /** An asset's media type. */
  type: string | null
  status: string
  /** 1 when no further status is expected: a terminal status, or a poll job that ended. */
  settled: number
  /** What 0-0 last said, as JSON. */
  snapshot: string
  /** What only this service knows, from the moment of creation, as JSON. */
  origin: string | null
  /** Why the poll job ended before a terminal status. */
  note: string | null
  /** The transition that led to `status`. */
  seq: number
  /** When something of this row last changed. Milliseconds since the epoch, here and below. */
  observed_at: number
}

/** What changed, in order; kept for a day. */
export interface TransitionTable {
  seq: Generated<number>
  tenant: string
  kind: string
  key: string
  previous: string | null
  current: string
  settled: number
  snapshot: string
  note: string | null
  observed_at: number
}

/** What is to be polled, and who is polling it now. */
export interface PollJobTable {
  tenant: string
  kind: string
  key: string
  next_poll_at: number
  gap_ms: number
  deadline_at: number
  lease_until: number
  /** Grows with every claim, so that a holder whose lease was taken can tell. */
  fence: number
  /** For a task that 0-0 does not have yet: WAITING for its assets, or SENT without an answer so far; else null. */
  submission: 'WAITING' | 'SENT' | null
  /** 0-0 is not called before this time, because it asked for a pause; 0: at any time. */
  not_before: Generated<number>
  /** How many polls in a row were answered NOT_FOUND or FORBIDDEN. */
  refused_polls: Generated<number>
}

/** The assets that a waiting task names. A row goes with the poll job of its task. */
export interface AwaitedAssetTable {
  tenant: string
  /** `videoTask`: what the foreign key to the poll job needs. */
  kind: string
  /** The key of the task. */
  key: string
  asset_key: string
}

/** The bearer key of a tenant with something to poll, sealed. */
export interface CredentialTable {
  tenant: string
  sealed: string
}

/** A create under way or done, by the key that names it; written before anything is sent. */
export interface IdempotencyRecordTable {
  tenant: string
  idempotency_key: string
  /** Tells whether a repeat asks for the same. */
  fingerprint: string
  /** Who may send it; null for one that a version before this column took. */
  holder: string | null
  state: string
  /** What is answered once `state` is done, as JSON. */
  outcome: string | null
  /** Until when its sender is known to be at work. */
  lease_until: number
  created_at: number
}

/** Who is creating an asset for a tenant. */
export interface TenantLockTable {
  tenant: string
  holder: string
  lease_until: number
}

/** Polls a tenant may still make now (token bucket). */
export interface PollBudgetTable {
  tenant: string
  tokens: number
  refilled_at: number
  /** Tokens a second, below what all may have, because 0-0 asked this tenant for fewer calls; null: as many as all. */
  rate: number | null
}

/** One row that is written to find out whether the storage takes writes. */
export interface WriteProbeTable {
  id: number
  value: string
}

export interface Tables {
  resource: ResourceTable
  transition: TransitionTable
  poll_job: PollJobTable
  awaited_asset: AwaitedAssetTable
  credential: CredentialTable
  idempotency_record: IdempotencyRecordTable
  poll_budget: PollBudgetTable
  tenant_lock: TenantLockTable
  write_probe: WriteProbeTable
}
