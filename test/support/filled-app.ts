import type { Ledger } from '../../src/ledger/ledger.ts'
import { startApp, type TestApp, temporaryFolder } from './app.ts'
import { SECRET_KEY } from './engine.ts'
import { openTestLedger } from './ledger.ts'
import { type ScriptedUpstream, scriptUpstream } from './upstream.ts'

/** Long enough that no poll begins during a test. */
const FIRST_POLL_MS = 600_000

/** Starts the service with what `fill` has registered. Nothing is polled during the test. */
export async function startFilledApp(
  fill: (ledger: Ledger) => Promise<unknown>,
): Promise<TestApp & { upstream: ScriptedUpstream }> {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const firstPollMs = { asset: FIRST_POLL_MS, videoTask: FIRST_POLL_MS }
  const ledger = await openTestLedger(dataDir, {
    secret: Buffer.from(SECRET_KEY, 'base64'),
    polling: { firstPollMs, deadlineMs: 2 * FIRST_POLL_MS },
  })
  await fill(ledger)
  await ledger.close()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    DATA_DIR: dataDir,
    SECRET_KEY,
    ASSET_POLL_MIN_MS: '7000',
    TASK_POLL_MIN_MS: '9000',
    ASSET_POLL_MAX_MS: '15000',
    TASK_POLL_MAX_MS: '20000',
  })
  return { ...app, upstream }
}

/** Returns how often each call of the ledger has been made since the start of the service. */
export async function ledgerCallsOf(app: TestApp): Promise<Record<string, number>> {
  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  const lines = metrics.matchAll(
    /^zerograph_ledger_call_duration_seconds_count\{call="([^"]+)"\} (\d+)$/gm,
  )
  return Object.fromEntries(Array.from(lines, ([, name, count]) => [name, Number(count)]))
}
