import type { Kysely, Transaction } from 'kysely'
import type { Page, PageRequest } from '../model/page.ts'
import { addPollJob } from './add-poll-job.ts'
import { appendChange, isVisibleChange } from './append-change.ts'
import {
  changedSnapshot,
  type Entity,
  type EntityRef,
  isTerminal,
  type Kind,
  type Origin,
  type Snapshot,
  type Status,
  type Transition,
} from './entity.ts'
import { type EntityRow, entityOf, findRow } from './entity-row.ts'
import { findEntities, findNextPolls } from './find-entities.ts'
import { generationTimes, type TaskClass } from './generation-times.ts'
import {
  finishWithin,
  type IdempotencyRecordKey,
  insertDone,
  type NewIdempotencyRecord,
} from './idempotency-records.ts'
import { type EntityFilter, listChildren, listEntities } from './list-entities.ts'
import { pageBounds } from './page-bounds.ts'
import type { PolledKind, PollTiming } from './poll-job.ts'
import { insertEntity, recordObservation, resumePolling } from './record-observation.ts'
import type { Secrets } from './secrets.ts'
import { summarizeUsage, type TaskUsage, type TimeRange } from './summarize-usage.ts'
import type { Tables } from './tables.ts'
import { transitionsAfter } from './transitions.ts'

/** What `register` stores. */
export interface Registration<K extends Kind> {
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** The bearer key to poll with. */
  credential: string
  /** The idempotency record of the create that made the entity; absent when it was only subscribed to. */
  idempotencyRecord?: IdempotencyRecordKey | undefined
  /** A record to insert with this entity as its outcome. `register` throws RecordExists when the key has a record. */
  newRecord?: NewIdempotencyRecord | undefined
}

/** The outcome that `register` writes into an idempotency record: the key of the created entity. */
export interface Created {
  key: string
}

/** The registered entities (groups, assets and video tasks) and their transitions. */
export interface Entities {
  /**
   * Registers an entity, and schedules its polls unless its status is terminal. For an entity that is
   * registered already, records the snapshot as an observation. Returns the stored entity.
   */
  register<K extends Kind>(ref: EntityRef<K>, registration: Registration<K>): Promise<Entity<K>>
  /**
   * Records an observed snapshot of an entity, and a transition when its status or its progress changed. Writes nothing
   * when no value changed. Returns the stored entity. Returns null and writes nothing when the entity is
   * not registered.
   */
  recordObservation<K extends Kind>(
    ref: EntityRef<K>,
    observed: Snapshot<K>,
  ): Promise<Entity<K> | null>
  /** Returns the entity, or null when it is not registered. */
  find<K extends Kind>(ref: EntityRef<K>): Promise<Entity<K> | null>
  /**
   * Returns a page of at most `maxSize` entities. Throws PageError when `request` is not a valid page.
   */
  list<K extends Kind>(
    tenant: string,
    kind: K,
    filter: EntityFilter,
    request: PageRequest,
    maxSize: number,
  ): Promise<Page<Entity<K>>>
  /** Returns every entity whose parent has the key `parent`, oldest first. */
  children<K extends Kind>(tenant: string, kind: K, parent: string): Promise<Entity<K>[]>
  /** Returns the entities with these keys, by key. One query. Does not look for aliases. */
  findEntities<K extends Kind>(
    tenant: string,
    kind: K,
    keys: readonly string[],
  ): Promise<Map<string, Entity<K>>>
  /** Returns when the entities with these keys are polled next, by key. One query. */
  findNextPolls(
    tenant: string,
    kind: PolledKind,
    keys: readonly string[],
  ): Promise<Map<string, Date>>
  /** Returns how long the last tasks of each class took, in milliseconds. One query. */
  generationTimes(tenant: string, classes: readonly TaskClass[]): Promise<number[][]>
  /** Returns the usage of the tasks that were registered in `range`, for each model and status. */
  summarizeUsage(tenant: string, range: TimeRange): Promise<TaskUsage[]>
  /** Returns the transitions of one entity with a sequence number above `seq`, oldest first, unless pruned. */
  transitionsAfter<K extends Kind>(ref: EntityRef<K>, seq: number): Promise<Transition<K>[]>
}

/** What `createEntities` needs. */
interface EntityStoreOptions {
  database: Kysely<Tables>
  secrets: Secrets
  polling: PollTiming
  /** Called with the row of an entity after a change of it was committed. */
  notifyChange(row: EntityRow): void
  /** Called after a poll job was added. */
  onPollJobAdded(): void
  /** Wraps calls so that a storage failure throws LedgerUnavailable. */
  typedErrors<Calls extends object>(calls: Calls): Calls
}

/** Creates the calls that read and write the entities in `database`. */
export function createEntities(options: EntityStoreOptions): Entities {
  const { database, secrets, notifyChange, onPollJobAdded, typedErrors } = options
  return {
    async register(ref, registration) {
      const row = await register(options, ref, registration)
      notifyChange(row)
      if (row.polling_ended === 0) onPollJobAdded()
      return entityOf(row)
    },

    async recordObservation<K extends Kind>(ref: EntityRef<K>, observed: Snapshot<K>) {
      // Most observed entities are not registered or have not changed. They need no transaction.
      const known = await findRow(database, ref)
      if (!known) return null
      const entity = entityOf<K>(known)
      if (!changedSnapshot(ref.kind, entity.snapshot, observed, known.snapshot)) return entity
      const { row, isChanged } = await database
        .transaction()
        .execute((trx) => recordChange(trx, ref, observed))
      if (row && isChanged) notifyChange(row)
      return row && entityOf<K>(row)
    },

    async find(ref) {
      const row = await findRow(database, ref)
      return row && entityOf(row)
    },

    async list(tenant, kind, filter, request, maxSize) {
      const cursors = secrets.cursorsOf(tenant, kind, request.orderBy)
      const page = { ...pageBounds(request, maxSize, cursors), cursors }
      return listEntities(database, tenant, kind, filter, page, typedErrors)
    },

    children: (tenant, kind, parent) => listChildren(database, tenant, kind, parent),
    findEntities: (tenant, kind, keys) => findEntities(database, tenant, kind, keys),
    findNextPolls: (tenant, kind, keys) => findNextPolls(database, tenant, kind, keys),
    generationTimes: (tenant, classes) => generationTimes(database, tenant, classes),
    summarizeUsage: (tenant, range) => summarizeUsage(database, tenant, range),
    transitionsAfter: (ref, seq) => transitionsAfter(database, ref, seq),
  }
}

async function recordChange(
  trx: Transaction<Tables>,
  ref: EntityRef,
  observed: Snapshot,
): Promise<{ row: EntityRow | null; isChanged: boolean }> {
  const before = await findRow(trx, ref)
  if (!before) return { row: null, isChanged: false }
  const row = await recordObservation(trx, before, observed)
  const isChanged = isVisibleChange(before, row)
  if (isChanged) await appendChange(trx, row, false)
  return { row, isChanged }
}

/** Writes the entity, its poll job and its idempotency record in one transaction. Returns the row. */
function register<K extends Kind>(
  options: EntityStoreOptions,
  ref: EntityRef<K>,
  registration: Registration<K>,
): Promise<EntityRow> {
  const { snapshot, origin, idempotencyRecord, newRecord } = registration
  return options.database.transaction().execute(async (trx) => {
    const inserted = await insertEntity(trx, ref, snapshot, origin)
    const known = inserted ?? (await findRow(trx, ref))
    if (!known) throw new Error('An entity disappeared while it was being registered.')
    const row = inserted ?? (await recordObservation(trx, known, snapshot))
    if (idempotencyRecord) {
      await finishWithin(trx, idempotencyRecord, { key: row.key } satisfies Created)
    }
    if (newRecord) await insertDone(trx, newRecord, { key: row.key } satisfies Created)
    const stored = await schedulePolls(trx, options, ref, registration, row)
    if (inserted || isVisibleChange(known, stored)) {
      await appendChange(trx, stored, inserted !== null)
    }
    return stored
  })
}

/** Adds the poll job of an entity unless its status is terminal. Returns the stored row. */
async function schedulePolls<K extends Kind>(
  trx: Transaction<Tables>,
  { secrets, polling }: EntityStoreOptions,
  ref: EntityRef<K>,
  { snapshot, origin, credential }: Registration<K>,
  row: EntityRow,
): Promise<EntityRow> {
  if (isTerminal(ref.kind, row.status as Status)) return row
  const polledRef = ref as EntityRef<PolledKind>
  const pollable = { snapshot: snapshot as Snapshot<PolledKind>, origin, credential }
  await addPollJob(trx, secrets, polledRef, pollable, polling)
  return resumePolling(trx, row)
}
