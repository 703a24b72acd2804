/**
 * Puts load on two replicas with one PostgreSQL while the replicas and the database fail in turn:
 * `npm run soak [seconds]`. The gateway of the upstream repeats creates and loses responses of its provider.
 *
 * Prints how many creates were attempted, sent, duplicated and lost. It exits with 1 when a create was lost, when a
 * subscriber received a status twice or out of order, or when the service sent more than one request for one create.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { AUTHORIZATION, GAP_MS, startRig } from './rig.ts'

const SECONDS = Number(process.argv[2] ?? 60)
const PORTS = [4701, 4702]
const CREATORS = 4
const ORDER = ['QUEUED', 'RUNNING', 'SUCCEEDED']

const rig = await startRig(PORTS)
const { upstream } = rig
upstream.brokenShare = 0.05
upstream.lostShare = 0.05
let stopping = false

try {
  const creators = Array.from({ length: CREATORS }, (_, index) => createSteadily(index))
  const faults = await injectFaults(Date.now() + SECONDS * 1_000)
  stopping = true
  const outcomes = (await Promise.all(creators)).flat()
  const streams = await Promise.all(outcomes.flatMap(({ streams }) => streams))
  process.exitCode = await report(outcomes, streams, faults)
} finally {
  await rig.end()
}

interface CreateOutcome {
  key: string
  /** Null when the outcome is unknown (OUTCOME_UNKNOWN). */
  id: string | null
  /** The statuses that each of its subscribers received. */
  streams: Promise<string[]>[]
}

async function createSteadily(creator: number): Promise<CreateOutcome[]> {
  const outcomes: CreateOutcome[] = []
  for (let count = 0; !stopping; count += 1) {
    const key = `soak-${creator}-${count}`
    const id = await createUntilAnswered(key, count)
    outcomes.push({ key, id, streams: id === null ? [] : PORTS.map((port) => follow(id, port)) })
    await pause(100)
  }
  return outcomes
}

/** Repeats with the same key, alternating between the replicas, until there is an outcome. */
async function createUntilAnswered(key: string, first: number): Promise<string | null> {
  for (let attempt = first; ; attempt += 1) {
    const answer = await rig.ask(PORTS[attempt % PORTS.length] as number, {
      query: `mutation ($key: String!) { createVideoTask(input: { prompt: $key, idempotencyKey: $key }) {
        ... on VideoTask { id } ... on Error { code }
      } }`,
      variables: { key },
    })
    const result = answer?.data?.createVideoTask
    if (result?.id) return result.id
    if (result?.code === 'OUTCOME_UNKNOWN') return null
    await pause(100)
  }
}

/** Returns the statuses that one subscriber receives. When a connection ends, it connects to the other replica. */
async function follow(id: string, firstPort: number): Promise<string[]> {
  const seen: string[] = []
  for (let turn = PORTS.indexOf(firstPort); seen.at(-1) !== 'SUCCEEDED'; turn += 1) {
    const client = createClient({
      url: `ws://127.0.0.1:${PORTS[turn % PORTS.length]}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: AUTHORIZATION },
      retryAttempts: 0,
      keepAlive: 1_000,
    })
    const query = `subscription { videoTaskStatusChanged(ids: ["${id}"]) { previous current } }`
    try {
      for await (const { data } of client.iterate<
        Record<string, { previous: string | null; current: string }>
      >({ query })) {
        const change = data?.videoTaskStatusChanged
        // The first event after a reconnect is the current status, which may be known already.
        if (change && (change.previous !== null || change.current !== seen.at(-1)))
          seen.push(change.current)
      }
    } catch {
      await pause(100)
    }
    await client.dispose()
  }
  return seen
}

/** Injects one fault after another, with a pause between them. Returns how often each was injected. */
async function injectFaults(until: number): Promise<Record<string, number>> {
  const faults: [string, (port: number) => Promise<void>][] = [
    ['kill -9', (port) => rig.restart(port, 'SIGKILL')],
    ['SIGTERM', (port) => rig.restart(port, 'SIGTERM')],
    ['SIGSTOP for 3 s', suspendReplica],
    ['database unavailable for 2 s', interruptDatabase],
  ]
  const counts: Record<string, number> = {}
  for (let turn = 0; Date.now() < until; turn += 1) {
    const [name, fail] = faults[turn % faults.length] as (typeof faults)[number]
    await fail(PORTS[Math.floor(turn / faults.length) % PORTS.length] as number)
    counts[name] = (counts[name] ?? 0) + 1
    await pause(2_000)
  }
  return counts
}

async function suspendReplica(port: number): Promise<void> {
  rig.signal(port, 'SIGSTOP')
  await pause(3_000)
  rig.signal(port, 'SIGCONT')
}

async function interruptDatabase(): Promise<void> {
  await rig.haltDatabase()
  await pause(2_000)
  await rig.startDatabase()
}

async function report(
  outcomes: CreateOutcome[],
  streams: string[][],
  faults: Record<string, number>,
): Promise<number> {
  const sent = Map.groupBy(upstream.createdTasks, ({ prompt }) => prompt)
  const created = outcomes.filter(({ id }) => id !== null)
  const listed = new Set(await listedIds())
  const duplicated = [...upstream.requests.values()].filter((requests) => requests > 1).length
  const repeated = [...sent.values()].filter((tasks) => tasks.length > 1).length
  const lost = created.filter(({ key, id }) => !sent.has(key) || !listed.has(id ?? '')).length
  const outOfOrder = streams.filter((seen) => !isInOrder(seen)).length
  const gaps = upstream.createdTasks.flatMap(({ polledAt }) =>
    polledAt.slice(1).map((at, index) => at - (polledAt[index] ?? at)),
  )
  const early = gaps.filter((gap) => gap < GAP_MS * 0.8 - 20).length
  console.table({
    'creates attempted': outcomes.length,
    'creates sent': upstream.requests.size,
    'creates carried out twice by the gateway': repeated,
    'creates with an unknown outcome': outcomes.length - created.length,
    'creates duplicated by us (0)': duplicated,
    'creates lost (0)': lost,
    'subscribers that followed a task to its end': streams.length,
    'statuses received, of all': `${streams.flat().length} of ${streams.length * ORDER.length}`,
    'subscribers with a status twice or out of order (0)': outOfOrder,
    'polls per task, on average': (gaps.length / Math.max(1, created.length) + 1).toFixed(1),
    'polls earlier than the poll gap (one per take-over is normal)': early,
    ...faults,
  })
  return duplicated + lost + outOfOrder === 0 ? 0 : 1
}

/** A disconnected subscriber may miss a status, but no status may come twice or after a later one. */
function isInOrder(seen: string[]): boolean {
  const positions = seen.map((status) => ORDER.indexOf(status))
  return positions.every(
    (position, index) => index === 0 || position > (positions[index - 1] ?? -1),
  )
}

async function listedIds(): Promise<string[]> {
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const answer = await rig.ask(PORTS[0] as number, {
      query: `query ($after: String) { videoTasks(first: 100, after: $after) {
        nodes { id } pageInfo { hasNextPage endCursor }
      } }`,
      variables: { after },
    })
    const { nodes, pageInfo } = answer.data.videoTasks
    ids.push(...nodes.map(({ id }: { id: string }) => id))
    if (!pageInfo.hasNextPage) return ids
    after = pageInfo.endCursor
  }
}
