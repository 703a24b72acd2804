import { randomUUID } from 'node:crypto'
import type { Kysely, Selectable, Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** Names the idempotency record of one create of a tenant. */
export interface IdempotencyRecordKey {
  tenant: string
  idempotencyKey: string
}

/** A record to insert. */
export interface NewIdempotencyRecord extends IdempotencyRecordKey {
  /** A hash of the input. */
  fingerprint: string
}

/** An idempotency key has a record already. Nothing was written. */
export class RecordExists extends Error {
  override readonly name = 'RecordExists'
}

/**
 * The state of a create under an idempotency key:
 *
 * - OURS: the caller must send the create now. `holder` names this call.
 * - SENDING: another call is sending the create.
 * - DONE: the create has ended with this outcome.
 * - UNKNOWN: the sender stopped before it recorded an outcome, so the outcome will never be known.
 * - CONFLICT: the key was used for a create with another input.
 */
export type IdempotencyRecord<Outcome> =
  | { state: 'OURS'; holder: string }
  | { state: 'SENDING' }
  | { state: 'DONE'; outcome: Outcome }
  | { state: 'UNKNOWN' }
  | { state: 'CONFLICT' }

/** The state of a record that exists already. */
export type ExistingRecord<Outcome> = Exclude<IdempotencyRecord<Outcome>, { state: 'OURS' }>

/** Ensures that a create under an idempotency key is sent at most once. Records are kept until pruned. */
export interface IdempotencyRecords {
  /**
   * Inserts the record for this caller (OURS), or returns the state of the existing record. When the
   * lease of the existing sender has expired, the record becomes UNKNOWN and stays so. `fingerprint` is
   * a hash of the input.
   */
  begin<Outcome>(
    key: IdempotencyRecordKey,
    fingerprint: string,
  ): Promise<IdempotencyRecord<Outcome>>
  /** Returns the state of the record, as `begin` does, or null when the key has no record. Inserts nothing. */
  find<Outcome>(
    key: IdempotencyRecordKey,
    fingerprint: string,
  ): Promise<ExistingRecord<Outcome> | null>
  /**
   * Inserts the record of a sequence of creates, each of which has a record of its own. The record has no lease and no
   * outcome. Every caller with the same input may continue the sequence, also after the first caller has died. Returns
   * false when the key was used with another input.
   */
  beginSequence(key: IdempotencyRecordKey, fingerprint: string): Promise<boolean>
  /** Extends the lease of a create that is being sent. */
  extend(key: IdempotencyRecordKey): Promise<void>
  /**
   * Deletes the record, because the create did nothing. Can be repeated when it is not known whether it
   * succeeded: a record that another holder has inserted since then is not deleted.
   */
  release(key: IdempotencyRecordKey, holder: string): Promise<void>
  /** Records the outcome. Does nothing when the state is no longer SENDING. */
  finish(key: IdempotencyRecordKey, outcome: unknown): Promise<void>
}

/** The lease of a sender. A sender that does not extend it in time is considered dead. */
const LEASE_MS = 5_000
/** How often a sender must extend its lease. */
export const EXTEND_EVERY_MS = 1_000

/** Creates the calls that read and write the idempotency records in `database`. */
export function createIdempotencyRecords(database: Kysely<Tables>): IdempotencyRecords {
  return {
    begin<Outcome>(key: IdempotencyRecordKey, fingerprint: string) {
      return database.transaction().execute(async (trx): Promise<IdempotencyRecord<Outcome>> => {
        const holder = randomUUID()
        const values = { ...SENDING, fingerprint, holder, lease_until: Date.now() + LEASE_MS }
        const inserted = await insertRecord(trx, key, values)
        return inserted ? { state: 'OURS', holder } : getState(trx, key, fingerprint)
      })
    },

    find<Outcome>(key: IdempotencyRecordKey, fingerprint: string) {
      return database.transaction().execute((trx) => findState<Outcome>(trx, key, fingerprint))
    },

    async beginSequence(key, fingerprint) {
      return database.transaction().execute(async (trx) => {
        const values = {
          state: 'SEQUENCE',
          fingerprint,
          holder: null,
          outcome: null,
          lease_until: 0,
        }
        if (await insertRecord(trx, key, values)) return true
        const known = await selectRecord(trx, key).executeTakeFirst()
        return known?.fingerprint === fingerprint
      })
    },

    async extend({ tenant, idempotencyKey }) {
      await database
        .updateTable('idempotency_record')
        .set({ lease_until: Date.now() + LEASE_MS })
        .where('tenant', '=', tenant)
        .where('idempotency_key', '=', idempotencyKey)
        .where('state', '=', 'SENDING')
        .execute()
    },

    async release({ tenant, idempotencyKey }, holder) {
      await database
        .deleteFrom('idempotency_record')
        .where('tenant', '=', tenant)
        .where('idempotency_key', '=', idempotencyKey)
        .where('holder', '=', holder)
        .where('state', '=', 'SENDING')
        .execute()
    },

    finish: (key, outcome) => finishWithin(database, key, outcome),
  }
}

/**
 * Records the outcome of a create. Pass the transaction that stores the created entity, so that both are
 * written or neither. Does nothing when the state is no longer SENDING.
 */
export async function finishWithin(
  database: Kysely<Tables> | Transaction<Tables>,
  { tenant, idempotencyKey }: IdempotencyRecordKey,
  outcome: unknown,
): Promise<void> {
  await database
    .updateTable('idempotency_record')
    .set({ state: 'DONE', outcome: JSON.stringify(outcome) })
    .where('tenant', '=', tenant)
    .where('idempotency_key', '=', idempotencyKey)
    .where('state', '=', 'SENDING')
    .execute()
}

/**
 * Inserts a record that is DONE. Throws RecordExists when the key has a record already. Pass the transaction that stores
 * the created entity, so that both are written or neither.
 */
export async function insertDone(
  trx: Transaction<Tables>,
  { fingerprint, ...key }: NewIdempotencyRecord,
  outcome: unknown,
): Promise<void> {
  const values = { state: 'DONE', fingerprint, holder: null, lease_until: 0 }
  const inserted = await insertRecord(trx, key, { ...values, outcome: JSON.stringify(outcome) })
  if (!inserted) throw new RecordExists('The idempotency key has a record already.')
}

type RecordRow = Selectable<Tables['idempotency_record']>
type RecordValues = Omit<RecordRow, 'tenant' | 'idempotency_key' | 'created_at'>

const SENDING = { state: 'SENDING', outcome: null } as const

/** Inserts a record. Returns false when the key has a record already. */
async function insertRecord(
  trx: Transaction<Tables>,
  { tenant, idempotencyKey }: IdempotencyRecordKey,
  values: RecordValues,
): Promise<boolean> {
  const inserted = await trx
    .insertInto('idempotency_record')
    .values({ tenant, idempotency_key: idempotencyKey, ...values, created_at: Date.now() })
    .onConflict((conflict) => conflict.columns(['tenant', 'idempotency_key']).doNothing())
    .returning('state')
    .executeTakeFirst()
  return inserted !== undefined
}

function selectRecord(trx: Transaction<Tables>, { tenant, idempotencyKey }: IdempotencyRecordKey) {
  return trx
    .selectFrom('idempotency_record')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('idempotency_key', '=', idempotencyKey)
    .$if(isPostgres(trx), (query) => query.forUpdate())
}

/** Returns the state of a record that existed immediately before. SENDING when it was released since then. */
async function getState<Outcome>(
  trx: Transaction<Tables>,
  key: IdempotencyRecordKey,
  fingerprint: string,
): Promise<ExistingRecord<Outcome>> {
  return (await findState<Outcome>(trx, key, fingerprint)) ?? { state: 'SENDING' }
}

/** Returns the state of a record, if there is one. Changes it to UNKNOWN when the lease of its sender has expired. */
async function findState<Outcome>(
  trx: Transaction<Tables>,
  key: IdempotencyRecordKey,
  fingerprint: string,
): Promise<ExistingRecord<Outcome> | null> {
  const row = await selectRecord(trx, key).executeTakeFirst()
  if (!row) return null
  if (row.fingerprint !== fingerprint) return { state: 'CONFLICT' }
  if (row.state === 'DONE') return { state: 'DONE', outcome: JSON.parse(row.outcome ?? '') }
  if (row.state === 'UNKNOWN') return { state: 'UNKNOWN' }
  if (row.lease_until > Date.now()) return { state: 'SENDING' }
  await trx
    .updateTable('idempotency_record')
    .set({ state: 'UNKNOWN' })
    .where('tenant', '=', key.tenant)
    .where('idempotency_key', '=', key.idempotencyKey)
    .execute()
  return { state: 'UNKNOWN' }
}
