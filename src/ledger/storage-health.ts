import type { Kysely } from 'kysely'
import type { UnavailableReason } from './storage-failure.ts'
import type { Tables } from './tables.ts'
import { asLedgerUnavailable, LedgerUnavailable } from './unavailable.ts'

/** Whether the ledger can be written, found out by writing: reads go on succeeding on a full disk. */
export interface StorageHealth {
  /** Whether a write succeeds, as seen at most `PROBE_EVERY_MS` ago. */
  isWritable(): Promise<boolean>
  /**
   * Throws LedgerUnavailable when a write has failed and none has succeeded since. To be called before something is sent
   * to 0-0 that has to be recorded afterwards; costs nothing while all is well.
   */
  ensureWritable(): Promise<void>
  /** Takes notice of a call of the ledger that failed. */
  onUnavailable(error: LedgerUnavailable): void
}

const PROBE_EVERY_MS = 1_000

export function createStorageHealth(database: Kysely<Tables>): StorageHealth {
  /** What the last write said: a failure, or null for success. */
  let last: { failure: LedgerUnavailable | null; at: number } | null = null
  let probing: Promise<LedgerUnavailable | null> | null = null

  /** What a write says, written now or less than `PROBE_EVERY_MS` ago. */
  function check(): Promise<LedgerUnavailable | null> {
    if (last && performance.now() - last.at < PROBE_EVERY_MS) return Promise.resolve(last.failure)
    probing ??= probe(database).then((failure) => {
      last = { failure, at: performance.now() }
      probing = null
      return failure
    })
    return probing
  }

  return {
    isWritable: async () => (await check()) === null,
    async ensureWritable() {
      if (!last?.failure) return
      const failure = await check()
      if (failure) throw failure
    },
    onUnavailable(failure) {
      // A failure that is known keeps its time, so that the next write is tried however often calls are refused.
      if (last?.failure) return
      // The other reasons concern one call: a connection broke, or a lock was held for long.
      last = LASTING.has(failure.reason) ? { failure, at: performance.now() } : null
    },
  }
}

const LASTING = new Set<UnavailableReason>(['FULL', 'READ_ONLY', 'BROKEN', 'GONE'])

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

/** More than a create writes, so that the write fails when the disk has no room for a create. */
const PROBE_VALUE = 'x'.repeat(65_536)
