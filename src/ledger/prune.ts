import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** Deletes transitions, changes, poll budgets and idempotency records that are older than `time`. */
export async function prune(database: Kysely<Tables>, time: Date): Promise<void> {
  const beforeMs = time.getTime()
  await database.deleteFrom('transition').where('observed_at', '<', beforeMs).execute()
  await database.deleteFrom('change').where('changed_at', '<', beforeMs).execute()
  await database.deleteFrom('poll_budget').where('refilled_at', '<', beforeMs).execute()
  await database.deleteFrom('idempotency_record').where('created_at', '<', beforeMs).execute()
}
