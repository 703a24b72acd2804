import type { Kysely } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/**
 * One lock for each tenant, among the processes that share a PostgreSQL database. With SQLite there is one process, so
 * every call succeeds without a query.
 */
export interface TenantLocks {
  /** Takes the lock for `TENANT_LOCK_LEASE_MS`. Returns false when another holder has it. */
  take(tenant: string, holder: string): Promise<boolean>
  /** Renews the lease of a lock that `holder` has; does nothing when it has it no longer. */
  extend(tenant: string, holder: string): Promise<void>
  /** Releases the lock if `holder` has it. */
  release(tenant: string, holder: string): Promise<void>
}

/** Milliseconds after which the lock of a process that has died can be taken by another. */
export const TENANT_LOCK_LEASE_MS = 5_000

export function createTenantLocks(database: Kysely<Tables>): TenantLocks {
  return {
    async take(tenant, holder) {
      if (!isPostgres(database)) return true
      const now = Date.now()
      const lock = { holder, lease_until: now + TENANT_LOCK_LEASE_MS }
      const taken = await database
        .insertInto('tenant_lock')
        .values({ tenant, ...lock })
        .onConflict((conflict) =>
          conflict.column('tenant').doUpdateSet(lock).where('tenant_lock.lease_until', '<=', now),
        )
        .returning('tenant')
        .executeTakeFirst()
      return taken !== undefined
    },

    async extend(tenant, holder) {
      if (!isPostgres(database)) return
      await database
        .updateTable('tenant_lock')
        .set({ lease_until: Date.now() + TENANT_LOCK_LEASE_MS })
        .where('tenant', '=', tenant)
        .where('holder', '=', holder)
        .execute()
    },

    async release(tenant, holder) {
      if (!isPostgres(database)) return
      await database
        .deleteFrom('tenant_lock')
        .where('tenant', '=', tenant)
        .where('holder', '=', holder)
        .execute()
    },
  }
}
