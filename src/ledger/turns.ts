import type { Kysely } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** Whose turn it is among the processes that share the database. A single process needs none of this. */
export interface Turns {
  /** Takes a tenant's turn for `TURN_LEASE_MS`. Gives false when another holder has it. */
  take(tenant: string, holder: string): Promise<boolean>
  /** Keeps the turn for as long again. */
  extend(tenant: string, holder: string): Promise<void>
  give(tenant: string, holder: string): Promise<void>
}

/** How long a turn outlives a holder that has gone. */
export const TURN_LEASE_MS = 5_000

export function createTurnsOf(database: Kysely<Tables>): Turns {
  return {
    async take(tenant, holder) {
      if (!isPostgres(database)) return true
      const now = Date.now()
      const turn = { holder, lease_until: now + TURN_LEASE_MS }
      const taken = await database
        .insertInto('turn')
        .values({ tenant, ...turn })
        .onConflict((conflict) =>
          conflict.column('tenant').doUpdateSet(turn).where('turn.lease_until', '<=', now),
        )
        .returning('tenant')
        .executeTakeFirst()
      return taken !== undefined
    },

    async extend(tenant, holder) {
      if (!isPostgres(database)) return
      await database
        .updateTable('turn')
        .set({ lease_until: Date.now() + TURN_LEASE_MS })
        .where('tenant', '=', tenant)
        .where('holder', '=', holder)
        .execute()
    },

    async give(tenant, holder) {
      if (!isPostgres(database)) return
      await database
        .deleteFrom('turn')
        .where('tenant', '=', tenant)
        .where('holder', '=', holder)
        .execute()
    },
  }
}
