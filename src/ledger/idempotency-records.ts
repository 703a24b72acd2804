import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** Names the idempotency record of one create of a tenant. */
export interface IdempotencyRecordKey {
  tenant: string
  idempotencyKey: string
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
        const now = Date.now()
        const holder = randomUUID()
        const inserted = await insertRecord(trx, key, { fingerprint, holder, now })
        return inserted ? { state: 'OURS', holder } : readState(trx, key, fingerprint, now)
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

/** Inserts a record in state SENDING. Returns false when the key has a record already. */
async function insertRecord(
  trx: Transaction<Tables>,
  { tenant, idempotencyKey }: IdempotencyRecordKey,
  { fingerprint, holder, now }: { fingerprint: string; holder: string; now: number },
): Promise<boolean> {
  const inserted = await trx
    .insertInto('idempotency_record')
    .values({
      tenant,
      idempotency_key: idempotencyKey,
      holder,
      fingerprint,
      state: 'SENDING',
      outcome: null,
      lease_until: now + LEASE_MS,
      created_at: now,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'idempotency_key']).doNothing())
    .returning('state')
    .executeTakeFirst()
  return inserted !== undefined
}

/** Returns the state of an existing record. Changes it to UNKNOWN when the lease of its sender has expired. */
async function readState<Outcome>(
  trx: Transaction<Tables>,
  { tenant, idempotencyKey }: IdempotencyRecordKey,
  fingerprint: string,
  now: number,
): Promise<IdempotencyRecord<Outcome>> {
  const row = await trx
    .selectFrom('idempotency_record')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('idempotency_key', '=', idempotencyKey)
    .$if(isPostgres(trx), (query) => query.forUpdate())
    .executeTakeFirstOrThrow()
  if (row.fingerprint !== fingerprint) return { state: 'CONFLICT' }
  if (row.state === 'DONE') return { state: 'DONE', outcome: JSON.parse(row.outcome ?? '') }
  if (row.state === 'UNKNOWN') return { state: 'UNKNOWN' }
  if (row.lease_until > now) return { state: 'SENDING' }
  await trx
    .updateTable('idempotency_record')
    .set({ state: 'UNKNOWN' })
    .where('tenant', '=', tenant)
    .where('idempotency_key', '=', idempotencyKey)
    .execute()
  return { state: 'UNKNOWN' }
}
