import type { Kysely } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/**
 * One lock for each tenant, shared by the processes that use the same PostgreSQL database. With SQLite there
 * is only one process, so every call succeeds without a query.
 */
export interface TenantLocks {
  /** Acquires the lock for `TENANT_LOCK_LEASE_MS`. Returns false when it is held, also by the same holder. */
  take(tenant: string, holder: string): Promise<boolean>
  /** Extends the lease of the lock. Does nothing when `holder` does not hold the lock. */
  extend(tenant: string, holder: string): Promise<void>
  /** Releases the lock. Does nothing when `holder` does not hold it. */
  release(tenant: string, holder: string): Promise<void>
}

/** The lease. After it, another process can acquire the lock of a process that has died. */
export const TENANT_LOCK_LEASE_MS = 5_000

/** Creates the calls that read and write the tenant locks in `database`. */
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
