import type { Generated } from 'kysely'

/** Registered entities: groups, assets and video tasks that were created through this service or subscribed to. */
export interface EntityTable {
  /** The order of registration over all tenants. List cursors encode it. */
  position: Generated<number>
  tenant: string
  kind: string
  key: string
  /** A second key of a task: its id at 0-0, when its first key is an id of this service. */
  alias: string | null
  /** The key of an asset's group. */
  parent: string | null
  /** The media type of an asset. */
  type: string | null
  status: string
  /** 1 when there are no further polls: the status is terminal, or the poll job ended early. Otherwise 0. */
  polling_ended: number
  /** What 0-0 last reported, as JSON. */
  snapshot: string
  /** What only this service knows, stored at registration, as JSON. */
  origin: string | null
  /** Why the poll job ended before a terminal status; null when it did not. */
  polling_ended_reason: string | null
  /** The sequence number of the latest transition. */
  seq: number
  /** When a value of this row last changed. All times in these tables are milliseconds since the epoch. */
  observed_at: number
  /** When the entity was registered here. */
  registered_at: number
  /** When 0-0 accepted a task. Null for other kinds. The following times are null while they have not come. */
  submitted_at: number | null
  /** When a task was first observed as RUNNING. */
  started_at: number | null
  /** When a terminal status of an asset or a task was first recorded. */
  finished_at: number | null
  /** The name of a group or an asset, or the prompt of a task, in lower case. Empty when there is none. */
  search_text: string
  /** The model, the resolution and the duration of a task, as requested, or else as 0-0 reported them. */
  model: string | null
  resolution: string | null
  /** Seconds; -1: the model chooses. */
  duration: number | null
  /** The tokens that a task used. */
  total_tokens: number | null
}

/** Changes of status or progress, and early ends of polling, in order. Kept for a day. */
interface TransitionTable {
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

/**
 * Registrations and changes of entities. The order of `seq` is the order of the commits of one tenant. Kept for a day.
 */
export interface ChangeTable {
  seq: Generated<number>
  tenant: string
  kind: string
  key: string
  /** 1 for a registration, otherwise 0. */
  is_new: number
  changed_at: number
}

/** The poll jobs. */
export interface PollJobTable {
  tenant: string
  kind: string
  key: string
  next_poll_at: number
  gap_ms: number
  deadline_at: number
  lease_until: number
  /** The fencing number. Each claim increments it, so a process can detect that it has lost its claim. */
  fence: number
  /** For a task that 0-0 has not accepted: WAITING for its assets, or SENT without a recorded response. Otherwise null. */
  submission: 'WAITING' | 'SENT' | null
  /** The end of a pause that 0-0 asked for; 0 when there is none. */
  not_before: Generated<number>
  /** How many polls in a row failed with NOT_FOUND or FORBIDDEN. */
  refused_polls: Generated<number>
}

/** The assets that a waiting task refers to. Deleting the poll job of the task deletes these rows. */
interface AwaitedAssetTable {
  tenant: string
  /** Always `videoTask`; part of the foreign key to the poll job. */
  kind: string
  /** The key of the task. */
  key: string
  asset_key: string
}

/** The encrypted bearer key of a tenant that has poll jobs. */
interface CredentialTable {
  tenant: string
  sealed: string
}

/** A create under an idempotency key. Written before the create is sent. */
interface IdempotencyRecordTable {
  tenant: string
  idempotency_key: string
  /** A hash of the input, to detect that the key is used with another input. */
  fingerprint: string
  /** Names the call that sends the create. Null in rows that are older than this column. */
  holder: string | null
  /** SENDING, DONE or UNKNOWN. SEQUENCE for several creates under one key, each of which has a record of its own. */
  state: string
  /** The result as JSON, once `state` is DONE. */
  outcome: string | null
  /** The sender is considered dead after this time. */
  lease_until: number
  created_at: number
}

/** The tenant lock: one asset is created at a time for each tenant. */
interface TenantLockTable {
  tenant: string
  holder: string
  lease_until: number
}

/** The token bucket that limits the polls of a tenant. */
interface PollBudgetTable {
  tenant: string
  tokens: number
  refilled_at: number
  /** Tokens per second after 0-0 asked this tenant for fewer calls; null: the configured rate. */
  rate: number | null
}

/** Contains one row, which is written to check whether the storage accepts writes. */
interface WriteProbeTable {
  id: number
  value: string
}

/** Every table of the ledger. */
export interface Tables {
  entity: EntityTable
  transition: TransitionTable
  change: ChangeTable
  poll_job: PollJobTable
  awaited_asset: AwaitedAssetTable
  credential: CredentialTable
  idempotency_record: IdempotencyRecordTable
  poll_budget: PollBudgetTable
  tenant_lock: TenantLockTable
  write_probe: WriteProbeTable
}
