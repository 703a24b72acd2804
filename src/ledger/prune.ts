import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** Deletes the transitions, poll budgets and idempotency records from before `time`. */
export async function prune(database: Kysely<Tables>, time: Date): Promise<void> {
  const before = time.getTime()
  await database.deleteFrom('transition').where('observed_at', '<', before).execute()
  await database.deleteFrom('poll_budget').where('refilled_at', '<', before).execute()
  await database.deleteFrom('idempotency_record').where('created_at', '<', before).execute()
}
