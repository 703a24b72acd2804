import { onTestFinished } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { startTracker, type Tracker, type TrackerOptions } from '../../src/tracking/tracker.ts'
import { temporaryFolder } from './app.ts'
import { openTestDatabase, openTestLedger } from './ledger.ts'
import type { ScriptedUpstream } from './upstream.ts'
import { startClient } from './upstream-client.ts'

/** Longer than any test, so that a timer of this length never fires during one. */
export const LONG_MS = 60_000

/** Starts a tracker with short poll intervals. It stops with the test. `errors` are the errors given to `onError`. */
export function startTestTracker(
  ledger: Ledger,
  upstream: ScriptedUpstream,
  more: Partial<TrackerOptions> = {},
): Tracker & { errors: unknown[] } {
  const errors: unknown[] = []
  const tracker = startTracker({
    ledger,
    // The client reports failures at once, because the retry delay exceeds the deadline.
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

/** Opens a ledger and its database to read its rows. */
export async function openTestLedgerWithDatabase(more: Parameters<typeof openTestLedger>[1] = {}) {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir, more)
  const database = await openTestDatabase(dataDir)
  return { ledger, database, dataDir }
}
