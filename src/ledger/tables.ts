import type { Generated } from 'kysely'

/** Groups, assets and video tasks that were created through this service or subscribed to. */
export interface EntityTable {
  /** Order of registration over all tenants. List cursors encode it. */
  position: Generated<number>
  tenant: string
  kind: string
  key: string
  /** A second key: the id that 0-0 gave to a task which had an id of this service first. */
  alias: string | null
  /** An asset's group, by that group's key. */
  parent: string | null
  /** An asset's media type. */
  type: string | null
  status: string
  /** 1 when it is not polled any more: its status is terminal, or its poll job ended early. */
  polling_ended: number
  /** What 0-0 last reported, as JSON. */
  snapshot: string
  /** What only this service knows, stored at creation, as JSON. */
  origin: string | null
  /** Why the poll job ended before a terminal status. */
  polling_ended_reason: string | null
  /** The transition that led to `status`. */
  seq: number
  /** When a value of this row last changed. Milliseconds since the epoch, as all times in these tables. */
  observed_at: number
}

/** Changes of status, in order. Kept for a day. */
export interface TransitionTable {
  seq: Generated<number>
  tenant: string
  kind: string
  key: string
  previous: string | null
  current: string
  polling_ended: number
  snapshot: string
  polling_ended_reason: string | null
  observed_at: number
}

/** The scheduled polls. */
export interface PollJobTable {
  tenant: string
  kind: string
  key: string
  next_poll_at: number
  gap_ms: number
  deadline_at: number
  lease_until: number
  /** The fencing number: each claim increments it, so a process can detect that it has lost its claim. */
  fence: number
  /** For a task that 0-0 has not accepted: WAITING for its assets, or SENT without a recorded answer. Otherwise null. */
  submission: 'WAITING' | 'SENT' | null
  /** 0-0 asked for a pause until this time; 0: it did not. */
  not_before: Generated<number>
  /** How many polls in a row were answered NOT_FOUND or FORBIDDEN. */
  refused_polls: Generated<number>
}

/** The assets that a waiting task refers to. Deleting the poll job of the task deletes these rows. */
export interface AwaitedAssetTable {
  tenant: string
  /** Always `videoTask`; part of the foreign key to the poll job. */
  kind: string
  /** The key of the task. */
  key: string
  asset_key: string
}

/** The encrypted bearer key of a tenant that has poll jobs. */
export interface CredentialTable {
  tenant: string
  sealed: string
}

/** A create under an idempotency key. Written before the create is sent. */
export interface IdempotencyRecordTable {
  tenant: string
  idempotency_key: string
  /** A hash of the input, to detect that the key is used with another input. */
  fingerprint: string
  /** Names the call that may send the create; null in rows written before this column existed. */
  holder: string | null
  state: string
  /** The result as JSON, once `state` is DONE. */
  outcome: string | null
  /** The sender is known to be alive until then. */
  lease_until: number
  created_at: number
}

/** The lock for creating one asset at a time for a tenant. */
export interface TenantLockTable {
  tenant: string
  holder: string
  lease_until: number
}

/** The token bucket that limits the polls of a tenant. */
export interface PollBudgetTable {
  tenant: string
  tokens: number
  refilled_at: number
  /** Tokens per second after 0-0 asked this tenant for fewer calls; null: the configured rate. */
  rate: number | null
}

/** One row that is written to check whether the storage accepts writes. */
export interface WriteProbeTable {
  id: number
  value: string
}

/** Every table of the ledger. */
export interface Tables {
  entity: EntityTable
  transition: TransitionTable
  poll_job: PollJobTable
  awaited_asset: AwaitedAssetTable
  credential: CredentialTable
  idempotency_record: IdempotencyRecordTable
  poll_budget: PollBudgetTable
  tenant_lock: TenantLockTable
  write_probe: WriteProbeTable
}
