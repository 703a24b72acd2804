import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** Deletes transitions, changes, poll budgets and idempotency records that are older than `time`. */
export async function prune(database: Kysely<Tables>, time: Date): Promise<void> {
  const beforeMs = time.getTime()
  await database.deleteFrom('transition').where('observed_at', '<', beforeMs).execute()
  // Delete a prefix: a cursor is valid while its own row is kept, and then every later row is kept.
  await database
    .deleteFrom('change')
    .where('seq', '<=', ({ selectFrom }) =>
      selectFrom('change')
        .select(({ fn }) => fn.max('seq').as('seq'))
        .where('changed_at', '<', beforeMs),
    )
    .execute()
  await database.deleteFrom('poll_budget').where('refilled_at', '<', beforeMs).execute()
  await database.deleteFrom('idempotency_record').where('created_at', '<', beforeMs).execute()
}
