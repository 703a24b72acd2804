import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** Names one create of a tenant. */
export interface IdempotencyRecordKey {
  tenant: string
  idempotencyKey: string
}

/**
 * What is known of a create that is asked for: it is ours to send now; somebody is sending it; it is over, with this
 * outcome; nobody can know what came of it; or the key named another create before. `holder` names whoever may send it.
 */
export type IdempotencyRecord<Outcome> =
  | { state: 'OURS'; holder: string }
  | { state: 'SENDING' }
  | { state: 'DONE'; outcome: Outcome }
  | { state: 'UNKNOWN' }
  | { state: 'CONFLICT' }

/** Sees to it that no create is sent twice. Keys are kept until pruned. */
export interface IdempotencyRecords {
  /** Takes the key for us to send, unless it was taken before. A sender that has gone leaves UNKNOWN, for good. */
  begin<Outcome>(
    key: IdempotencyRecordKey,
    fingerprint: string,
  ): Promise<IdempotencyRecord<Outcome>>
  /** Says that its sender is still at work. */
  extend(key: IdempotencyRecordKey): Promise<void>
  /**
   * Gives the key back, because nothing was done under it. Safe to repeat when it is not known whether it succeeded: a key
   * that another holder has taken since is left alone.
   */
  release(key: IdempotencyRecordKey, holder: string): Promise<void>
  /** Records the outcome, unless the create was declared UNKNOWN meanwhile. */
  finish(key: IdempotencyRecordKey, outcome: unknown): Promise<void>
}

/** A sender that has not said so for this long has gone; it says so every `EXTEND_EVERY_MS`. */
const LEASE_MS = 5_000
export const EXTEND_EVERY_MS = 1_000

export function createIdempotencyRecords(database: Kysely<Tables>): IdempotencyRecords {
  return {
    begin<Outcome>({ tenant, idempotencyKey }: IdempotencyRecordKey, fingerprint: string) {
      return database.transaction().execute(async (trx): Promise<IdempotencyRecord<Outcome>> => {
        const now = Date.now()
        const holder = randomUUID()
        const taken = await trx
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
        if (taken) return { state: 'OURS', holder }

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

/** Records the outcome of a create, within the transaction that records what was created. */
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
