import { setTimeout as sleep } from 'node:timers/promises'
import { figure, printTable } from './print.ts'
import { residentMb } from './process-figures.ts'
import { startService } from './service.ts'
import type { Settings } from './settings.ts'
import { ZEROGRAPH } from './zerograph.ts'

/** Measures the start, and the memory of the service with its sandbox when nothing calls it. */
export async function measureAtRest(settings: Settings, directory: string): Promise<void> {
  const environment = { SANDBOX_PORT: '0', DATA_DIR: directory }
  const startMs: number[] = []
  let restMb = Number.NaN
  // The second start finds the database and whatever caches the first one left.
  for (const restMs of [0, settings.isSmoke ? 100 : 10_000]) {
    await using service = await startService(ZEROGRAPH, environment)
    startMs.push(service.startedInMs)
    await sleep(restMs)
    restMb = residentMb(service.pid)
  }
  printTable(
    'rest: with the sandbox, without calls',
    ['', 'measured', 'goal'],
    [
      ['first start to ready, ms', figure(startMs[0] ?? Number.NaN), ''],
      ['second start to ready, ms', figure(startMs[1] ?? Number.NaN), '500'],
      ['memory at rest, MB', figure(restMb), '150'],
    ],
  )
}
