import { onTestFinished } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { startTracker, type Tracker, type TrackerOptions } from '../../src/tracking/tracker.ts'
import { temporaryFolder } from './app.ts'
import { openTestDatabase, openTestLedger } from './ledger.ts'
import type { ScriptedUpstream } from './upstream.ts'
import { startClient } from './upstream-client.ts'

/** Longer than any test: what happens within a test does not happen because of it. */
export const LONG_MS = 60_000

/** A tracker of this ledger that polls at a quick pace; stopped with the test. `errors` is what its `onError` was told. */
export function startTestTracker(
  ledger: Ledger,
  upstream: ScriptedUpstream,
  more: Partial<TrackerOptions> = {},
): Tracker & { errors: unknown[] } {
  const errors: unknown[] = []
  const tracker = startTracker({
    ledger,
    // Failures are told at once: none is repeated by the client.
    upstream: startClient(upstream.url, { getTimeoutMs: 500, retryBaseDelayMs: LONG_MS }),
    heldKey: null,
    pace: { asset: { minMs: 10, maxMs: 20 }, videoTask: { minMs: 10, maxMs: 20 } },
    deadlineMs: LONG_MS,
    maxInFlight: 10,
    maxRps: 1_000,
    leaseMs: 500,
    retentionMs: LONG_MS,
    onError: (error) => errors.push(error),
    onUnrecorded() {},
    onLeaseLost() {},
    ...more,
  })
  onTestFinished(tracker.stop)
  return { stop: tracker.stop, errors }
}

/** A ledger and its database, to look at rows. */
export async function openTestLedgerWithDatabase(more: Parameters<typeof openTestLedger>[1] = {}) {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir, more)
  const database = await openTestDatabase(dataDir)
  return { ledger, database, dataDir }
}
