import type { Kysely } from 'kysely'
import type { UnavailableReason } from './storage-failure.ts'
import type { Tables } from './tables.ts'
import { asLedgerUnavailable, LedgerUnavailable } from './unavailable.ts'

/** Whether the storage accepts writes. Checked with a write, because reads still succeed on a full disk. */
export interface StorageHealth {
  /** Whether a write succeeds. The result may be up to `PROBE_EVERY_MS` old. */
  isWritable(): Promise<boolean>
  /**
   * Throws LedgerUnavailable when a write has failed and no write has succeeded since then. Call it before
   * a create is sent to 0-0, because its outcome must be recorded. It writes only after a failure.
   */
  ensureWritable(): Promise<void>
  /** Records that a call of the ledger failed. */
  onUnavailable(error: LedgerUnavailable): void
}

/** The minimum time between two test writes. */
const PROBE_EVERY_MS = 1_000

/** Creates the check for `database`. */
export function createStorageHealth(database: Kysely<Tables>): StorageHealth {
  /** The result of the last known write; `failure` is null when it succeeded. */
  let lastWrite: { failure: LedgerUnavailable | null; at: number } | null = null
  let probing: Promise<LedgerUnavailable | null> | null = null

  /** Returns the failure of a test write, made now or less than `PROBE_EVERY_MS` ago; null when it succeeded. */
  function check(): Promise<LedgerUnavailable | null> {
    if (lastWrite && performance.now() - lastWrite.at < PROBE_EVERY_MS) {
      return Promise.resolve(lastWrite.failure)
    }
    probing ??= probe(database).then((failure) => {
      lastWrite = { failure, at: performance.now() }
      probing = null
      return failure
    })
    return probing
  }

  return {
    isWritable: async () => (await check()) === null,
    async ensureWritable() {
      if (!lastWrite?.failure) return
      const failure = await check()
      if (failure) throw failure
    },
    onUnavailable(failure) {
      // Keep the time of a known failure. Otherwise frequent failures would delay the next test write forever.
      if (lastWrite?.failure) return
      // Other reasons may affect only one call, e.g. a broken connection. Then the next check writes.
      lastWrite = LASTING.has(failure.reason) ? { failure, at: performance.now() } : null
    },
  }
}

/** Reasons that affect every later write. */
const LASTING = new Set<UnavailableReason>(['FULL', 'READ_ONLY', 'BROKEN', 'GONE'])

/** Makes a test write. Returns its failure, or null when it succeeded. */
async function probe(database: Kysely<Tables>): Promise<LedgerUnavailable | null> {
  try {
    await database
      .insertInto('write_probe')
      .values({ id: 1, value: PROBE_VALUE })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ value: PROBE_VALUE }))
      .execute()
    return null
  } catch (error) {
    return asLedgerUnavailable(error) ?? new LedgerUnavailable('BROKEN', { cause: error })
  }
}

/** Larger than what a create writes, so that the test write fails when the disk has no room for a create. */
const PROBE_VALUE = 'x'.repeat(65_536)
