import { isDeepStrictEqual } from 'node:util'
import { type LoadProcess, startLoad } from './load-process.ts'
import { type AssetRange, createBodies, type OperationName } from './operations.ts'
import { findMercurius } from './peers.ts'
import { figure, printTable } from './print.ts'
import { cpuTimeMs, peakResidentMb } from './process-figures.ts'
import { type Service, startService } from './service.ts'
import type { Settings } from './settings.ts'
import { startUpstream, type UpstreamProcess } from './upstream-process.ts'
import {
  ask,
  readAll,
  register,
  TOKEN,
  type WriteWatch,
  watchWrites,
  ZEROGRAPH,
} from './zerograph.ts'

/** Compares the service with its peers: the table of docs/performance.md. */

type Measured = 'one' | 'many'

interface Row {
  name: string
  service: Service
  range: AssetRange
  operations: Measured[]
  goals?: Record<Measured, number>
  /** Measured during the turns of this row. */
  writes?: WriteWatch
}

interface Tally {
  operations: number
  durationMs: number
  cpuMs: number
  calls: number
  hasWritten: boolean
}

const CONNECTIONS = 32
const ANY: AssetRange = { status: 'PROCESSING', first: 0, count: 100_000 }
const BOTH: Measured[] = ['one', 'many']
/** Longer than the bench, so that no poll happens. */
const NO_POLLS = { ASSET_POLL_MIN_MS: '36000000', ASSET_POLL_MAX_MS: '36000000' }

export async function measureTable(settings: Settings, directory: string): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const upstream = stack.use(await startUpstream())
  const load = stack.use(startLoad())
  const environment = { UPSTREAM_URL: upstream.url }
  const rows: Row[] = []
  const addPeer = async (name: string, file: string, operations = BOTH) => {
    const service = stack.use(await startService([file], environment))
    rows.push({ name, service, range: ANY, operations })
  }
  await addPeer('raw handler', 'bench/peers/raw.ts')
  await addPeer('constant answer', 'bench/peers/constant.ts', ['one'])
  await addPeer('plain Yoga, dataloader', 'bench/peers/yoga.ts')
  const mercurius = findMercurius(settings)
  if (mercurius) await addPeer('Mercurius, JIT, loaders', mercurius)
  const startZerograph = async (dataDir: string) =>
    stack.use(await startService(ZEROGRAPH, { ...environment, ...NO_POLLS, DATA_DIR: dataDir }))
  const zerograph = await startZerograph(`${directory}/empty`)
  rows.push(...(await zerographRows(zerograph, settings)))
  const registered = await startZerograph(`${directory}/registered`)
  const writes = stack.use(watchWrites(`${directory}/registered/ledger.db`))
  rows.push(await registeredRow(registered, writes, settings))

  for (const operation of BOTH) {
    const measured = rows.filter(({ operations }) => operations.includes(operation))
    await assertSame(measured, operation)
    report(operation, measured, await measureRows(measured, operation, settings, load, upstream))
  }
  console.log(
    `\n  Memory of ZeroGraph at its peak: ${figure(peakResidentMb(zerograph.pid))} MB (goal 300 MB)`,
  )
}

async function zerographRows(service: Service, { rememberedAssets }: Settings): Promise<Row[]> {
  const remembered: AssetRange = { status: 'ACTIVE', first: 0, count: rememberedAssets }
  await readAll(service, remembered)
  const shared = { service, operations: BOTH }
  const goals = { one: 0.85, many: 0.9 }
  return [
    { ...shared, name: COLD, range: ANY, goals },
    { ...shared, name: 'ZeroGraph, warm', range: remembered, goals: { one: 1.4, many: 3.2 } },
  ]
}

async function registeredRow(
  service: Service,
  writes: WriteWatch,
  { registeredAssets }: Settings,
): Promise<Row> {
  const range: AssetRange = { status: 'PROCESSING', first: 0, count: registeredAssets }
  await register(service, range)
  return { name: COLD_REGISTERED, service, operations: BOTH, range, writes }
}

const COLD = 'ZeroGraph, cold'
const COLD_REGISTERED = 'ZeroGraph, cold, registered'

async function measureRows(
  rows: Row[],
  operation: Measured,
  { turns, warmUpMs, turnMs }: Settings,
  load: LoadProcess,
  upstream: UpstreamProcess,
): Promise<Tally[]> {
  const run = ({ service, range }: Row, durationMs: number) =>
    load.run({
      port: service.port,
      operation,
      range,
      token: TOKEN,
      connections: CONNECTIONS,
      durationMs,
    })
  if (warmUpMs > 0) for (const row of rows) await run(row, warmUpMs)
  const tallies = rows.map(() => ({
    operations: 0,
    durationMs: 0,
    cpuMs: 0,
    calls: 0,
    hasWritten: false,
  }))
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [index, row] of rows.entries()) {
      const tally = tallies[index] as Tally
      await upstream.control()
      row.writes?.hasChanged()
      const cpuBefore = cpuTimeMs(row.service.pid)
      const { operations, durationMs } = await run(row, turnMs)
      tally.cpuMs += cpuTimeMs(row.service.pid) - cpuBefore
      tally.operations += operations
      tally.durationMs += durationMs
      tally.calls += await upstream.control()
      tally.hasWritten ||= row.writes?.hasChanged() ?? false
    }
  }
  return tallies
}

function report(operation: Measured, rows: Row[], tallies: Tally[]): void {
  const raw = tallies[0] as Tally
  const cells = rows.map(({ name, goals }, index) => {
    const tally = tallies[index] as Tally
    return [
      name,
      figure(perSecond(tally)),
      figure(cpuMicroseconds(tally), 1),
      figure(cpuMicroseconds(raw) / cpuMicroseconds(tally), 2),
      goals ? String(goals[operation]) : '',
      figure(perSecond(tally) / perSecond(raw), 2),
      figure(tally.calls / tally.operations, 1),
    ]
  })
  const header = ['', 'op/s', 'CPU µs/op', '÷ raw', 'goal', 'op/s ÷ raw', 'calls/op']
  printTable(TITLES[operation], header, cells)
  const find = (name: string) => tallies[rows.findIndex((row) => row.name === name)] as Tally
  const registered = find(COLD_REGISTERED)
  const extra = (cpuMicroseconds(registered) / cpuMicroseconds(find(COLD)) - 1) * 100
  console.log(`
  A registered, unchanged asset compared with an unregistered one:
  ${figure(extra)} % more CPU (goal 10 %), ${registered.hasWritten ? 'with' : 'without'} writes (goal without)`)
}

const TITLES: Record<Measured, string> = {
  one: 'one: one asset by id',
  many: 'many: twenty assets with their groups',
}

function perSecond({ operations, durationMs }: Tally): number {
  return (operations * 1_000) / durationMs
}

function cpuMicroseconds({ operations, cpuMs }: Tally): number {
  return (cpuMs * 1_000) / operations
}

/** Throws when two servers give different responses, because then their speed cannot be compared. */
async function assertSame(rows: Row[], operation: OperationName): Promise<void> {
  const body = createBodies(operation, { ...ANY, count: 1 })()
  const [first, ...others] = rows.filter(({ name }) => name !== 'constant answer')
  const expected = await ask(first?.service.url ?? '', body)
  for (const { name, service } of others) {
    const data = await ask(service.url, body)
    if (!isDeepStrictEqual(data, expected)) {
      throw new Error(`${name} responds ${JSON.stringify(data)}, not ${JSON.stringify(expected)}`)
    }
  }
}
