import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { TENANT_LOCK_LEASE_MS, type TenantLocks } from '../ledger/tenant-locks.ts'

/**
 * Runs `work` while no other work of the same tenant runs, in this process or in another process with the same
 * database. Returns the result of `work`, and rejects with its error. Work of other tenants runs concurrently.
 */
export type WithTenantLock = <T>(tenant: string, work: () => Promise<T>) => Promise<T>

/** Milliseconds between two attempts to take a lock that another process holds. */
const RETRY_MS = 50

/** Creates the lock on the locks of the database. */
export function createTenantLock(locks: TenantLocks): WithTenantLock {
  /** The last work queued for each tenant in this process. */
  const lastQueued = new Map<string, Promise<unknown>>()

  async function withDatabaseLock<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const holder = randomUUID()
    while (!(await locks.take(tenant, holder))) await pause(RETRY_MS)
    const renewal = setInterval(
      () => locks.extend(tenant, holder).catch(() => {}),
      TENANT_LOCK_LEASE_MS / 5,
    )
    try {
      return await work()
    } finally {
      clearInterval(renewal)
      await locks.release(tenant, holder).catch(() => {})
    }
  }

  return (tenant, work) => {
    const before = lastQueued.get(tenant) ?? Promise.resolve()
    const running = before.then(() => withDatabaseLock(tenant, work))
    const ended = running
      .catch(() => {})
      .then(() => {
        if (lastQueued.get(tenant) === ended) lastQueued.delete(tenant)
      })
    lastQueued.set(tenant, ended)
    return running
  }
}
