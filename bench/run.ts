import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { measureAtRest } from './at-rest.ts'
import { measureFanOut } from './fan-out.ts'
import { measureLatency } from './latency.ts'
import { profile } from './profile.ts'
import { cpuPlan } from './service.ts'
import { FULL, type Settings, SMOKE } from './settings.ts'
import { measureTable } from './table.ts'
import { measureTracker, measureTrackerPostgres } from './tracker.ts'

/**
 * Measures the service, see docs/performance.md: `npm run bench`, or `npm run bench -- table` for one part of it. With
 * `smoke` everything is run briefly, to check that the bench works. `profile` runs only when it is named.
 */
type Part = (settings: Settings, directory: string) => Promise<void>

const PARTS: Record<string, Part> = {
  table: measureTable,
  tracker: measureTracker,
  'tracker-postgres': measureTrackerPostgres,
  'fan-out': measureFanOut,
  rest: measureAtRest,
  latency: measureLatency,
  profile,
}

const names = process.argv.slice(2).filter((name) => name !== 'smoke')
const unknown = names.filter((name) => !(name in PARTS))
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. Parts: ${Object.keys(PARTS).join(', ')}; smoke.`)
  process.exit(1)
}
const settings = process.argv.includes('smoke') ? SMOKE : FULL
console.log(
  `${availableParallelism()} CPUs; ${
    cpuPlan
      ? `the service runs on CPU ${cpuPlan.service}, load and upstream on CPU ${cpuPlan.others}`
      : 'the processes are not pinned to CPUs'
  }. Compare only within one run.`,
)
for (const [name, measure] of Object.entries(PARTS)) {
  if (!(names.length === 0 ? measure !== profile : names.includes(name))) continue
  const directory = await mkdtemp(join(tmpdir(), 'zerograph-bench-'))
  try {
    await measure(settings, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
