import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Client } from 'undici'
import packageJson from '../package.json' with { type: 'json' }
import { ask, type Load, load, type Operation } from './load.ts'
import { type Service, startService } from './service.ts'

/** Compares the service with a plain Yoga server: `npm run bench`. */

/** The arguments of node in `npm start`. */
const ZEROGRAPH = packageJson.scripts.start.split(' ').slice(1)

const CALLERS = 16
/** The two services are measured alternately, so that other load on the machine affects both. */
const TURNS = 3
const WARM_UP_MS = 300
const MEASURED_MS = 1_000
const LATENCIES_MS = [0, 20]
/** Number of different assets. Concurrent operations read different ones. */
const ASSETS = 400
const BATCH = 20

const GOALS = { readyMs: 2_000, restMb: 160 }
const REST_MS = 10_000

const FIELDS = 'assetId name status url createdAt'
const aliases = Array.from({ length: BATCH }, (_, index) => `a${index}`)

const CASES = [
  {
    name: 'one asset',
    assets: 1,
    query: `query ($a0: ID!) { asset(id: $a0) { ${FIELDS} } }`,
  },
  {
    name: 'twenty with groups',
    assets: BATCH,
    query: `query (${aliases.map((name) => `$${name}: ID!`).join(' ')}) {
      ${aliases.map((name) => `${name}: asset(id: $${name}) { ${FIELDS} group { groupId name } }`).join('\n')}
    }`,
  },
]

const directory = await mkdtemp(join(tmpdir(), 'zerograph-bench-'))
try {
  await measureStart()
  await compare()
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function measureStart(): Promise<void> {
  await using zerograph = await startService(ZEROGRAPH, {
    SANDBOX_PORT: '0',
    DATA_DIR: join(directory, 'at-rest'),
  })
  const { startedInMs, pid } = zerograph
  await sleep(REST_MS)
  const restMb = await residentMb(pid)
  console.log(`With the sandbox, idle:
  start to ready  ${Math.round(startedInMs)} ms (goal ${GOALS.readyMs} ms)
  memory          ${restMb === null ? 'only measured on Linux' : `${Math.round(restMb)} MB`} (goal ${GOALS.restMb} MB)
`)
}

async function compare(): Promise<void> {
  await using upstream = await startService(['bench/upstream.ts'])
  const environment = { UPSTREAM_URL: upstream.url }
  await using plain = await startService(['bench/plain.ts'], environment)
  await using zerograph = await startService(ZEROGRAPH, {
    ...environment,
    DATA_DIR: join(directory, 'compared'),
  })

  for (const latencyMs of LATENCIES_MS) {
    console.log(
      row(
        `upstream latency: ${latencyMs} ms`,
        'ZeroGraph',
        'plain Yoga',
        'ratio',
        'ZeroGraph',
        'plain Yoga',
      ),
    )
    for (const { name, assets, query } of CASES) {
      for (const status of ['PROCESSING', 'ACTIVE']) {
        const operation = operations(query, status, assets)
        await assertSame(plain, zerograph, operation())
        const ours = createTally()
        const theirs = createTally()
        for (let turn = 0; turn < TURNS; turn += 1) {
          ours.add(await measure(zerograph, upstream, operation, latencyMs))
          theirs.add(await measure(plain, upstream, operation, latencyMs))
        }
        console.log(
          row(
            `${name}, ${status}`,
            ours.perSecond().toFixed(0),
            theirs.perSecond().toFixed(0),
            (ours.perSecond() / theirs.perSecond()).toFixed(2),
            ours.callsEach().toFixed(1),
            theirs.callsEach().toFixed(1),
          ),
        )
      }
    }
    console.log()
  }
  console.log(`Operations per second with ${CALLERS} callers. The last two columns are upstream calls per operation.
Callers, services and upstream share ${availableParallelism()} cores. Compare only ratios, and only within one run.`)
}

/** Returns a function that creates operations. Each operation reads the assets after those of the previous one. */
function operations(query: string, status: string, assets: number): () => Operation {
  let next = 0
  return () => {
    const ids = aliases
      .slice(0, assets)
      .map((name, index) => [name, `Asset-${status}-${(next + index) % ASSETS}`])
    next += assets
    return { query, variables: Object.fromEntries(ids) }
  }
}

interface Measured extends Load {
  /** Number of calls that upstream received. */
  calls: number
}

async function measure(
  { url }: Service,
  upstream: Service,
  operation: () => Operation,
  latencyMs: number,
): Promise<Measured> {
  await control(upstream, latencyMs)
  const result = await load(url, operation, {
    callers: CALLERS,
    warmUpMs: WARM_UP_MS,
    measuredMs: MEASURED_MS,
    onWarm: async () => void (await control(upstream, latencyMs)),
  })
  return { ...result, calls: await control(upstream, 0) }
}

function createTally() {
  const total = { operations: 0, durationMs: 0, calls: 0 }
  return {
    add({ operations, durationMs, calls }: Measured) {
      total.operations += operations
      total.durationMs += durationMs
      total.calls += calls
    },
    perSecond: () => (total.operations * 1_000) / total.durationMs,
    callsEach: () => total.calls / total.operations,
  }
}

/** Sets the latency of upstream. Returns the number of calls since the last call of this function. */
async function control(upstream: Service, latencyMs: number): Promise<number> {
  const response = await fetch(`${upstream.url}/control?latencyMs=${latencyMs}`)
  const { calls } = (await response.json()) as { calls: number }
  return calls
}

/** Throws when the two services give different responses, because then their speed cannot be compared. */
async function assertSame(one: Service, other: Service, operation: Operation): Promise<void> {
  const answers = await Promise.all(
    [one, other].map(async ({ url }) => {
      const client = new Client(url)
      const { data } = JSON.parse(await ask(client, operation))
      await client.close()
      return data
    }),
  )
  if (!isDeepStrictEqual(answers[0], answers[1])) {
    throw new Error(`The services give different responses: ${JSON.stringify(answers)}`)
  }
}

function row(name: string, ...cells: string[]): string {
  return name.padEnd(32) + cells.map((cell) => cell.padStart(11)).join('')
}

/** Resident memory of a process. Null on systems without /proc. */
async function residentMb(pid: number): Promise<number | null> {
  if (process.platform !== 'linux') return null
  const kilobytes = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1_024
}
