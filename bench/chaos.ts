/**
 * The service under load while the upstream, the database, its clients and itself fail in turn: `npm run chaos`.
 * For each fault it prints what was asked, what came of it, and how long recovery took; it ends with 1 when an answer was
 * wrong, a create was lost, or more than one request of ours left for one create.
 */
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault as UpstreamFault } from './counting-upstream.ts'
import { type Answer, startRig } from './rig.ts'

const PORT = 4711
const FAULT_MS = 4_000
const WORKERS = 8
const RECOVERY_LIMIT_MS = 60_000
/** How long to wait at the end for tasks that are still to be sent. One that met a cooling gateway waits five minutes. */
const ALL_SENT_LIMIT_MS = 30_000
/** How a create or a read may be refused while something is broken. */
const TYPED = new Set([
  'OUTCOME_UNKNOWN',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_REJECTED',
  'RATE_LIMITED',
  'SERVICE_UNAVAILABLE',
])

interface Fault {
  name: string
  begin(): Promise<void> | void
  end(): Promise<void> | void
}

const rig = await startRig([PORT])
const { upstream } = rig
const upstreamFault = (name: string, fault: UpstreamFault): Fault => ({
  name,
  begin() {
    upstream.fault = fault
  },
  end() {
    upstream.fault = 'none'
  },
})

const FAULTS: Fault[] = [
  { name: 'nothing', begin() {}, end() {} },
  upstreamFault('the provider answers 500', 'provider500'),
  upstreamFault('the provider answers 429 to repeats', 'provider429'),
  upstreamFault('the gateway answers 429', 'limited'),
  upstreamFault('the gateway is cooling down', 'cooling'),
  upstreamFault('upstream hangs', 'hang'),
  upstreamFault('upstream resets', 'reset'),
  upstreamFault('upstream answers HTML', 'html'),
  upstreamFault('upstream is slow', 'slow'),
  { name: 'database away', begin: rig.haltDatabase, end: rig.startDatabase },
  clientsThatLeave(),
  clientsThatOnlyConnect(),
  {
    name: 'service stopped and continued',
    begin: () => rig.signal(PORT, 'SIGSTOP'),
    end: () => rig.signal(PORT, 'SIGCONT'),
  },
  { name: 'service killed', begin: () => rig.restart(PORT, 'SIGKILL'), end() {} },
  { name: 'service restarted', begin: () => rig.restart(PORT, 'SIGTERM'), end() {} },
]

interface Create {
  key: string
  id: string
  /** Accepted with `waitForAssets`, so the tracker sends it later. */
  waits: boolean
}

/** Between two creates of a worker: the tracker has to keep up with what they leave to it. */
const PAUSE_MS = 150

/** Repeats of a create with its key, for as long as the answer says `retryable`. */
const MAX_REPEATS = 5

try {
  const rows: Record<string, unknown>[] = []
  const created: Create[] = []
  for (const fault of FAULTS) {
    const tally = { asked: 0, served: 0, refused: 0, unanswered: 0, wrong: 0 }
    const load = startLoad(fault.name, tally, created)
    await fault.begin()
    await pause(FAULT_MS)
    await fault.end()
    const recoveryMs = await recover()
    await load.stop()
    rows.push({ fault: fault.name, ...tally, 'recovery ms': recoveryMs })
  }
  const waiting = await stillWaiting()
  const listed = await listedIds()
  const prompts = Map.groupBy(upstream.made, ({ prompt }) => prompt)
  // A waiting task that could not be sent is FAILED, and still listed.
  const isLost = ({ key, id, waits }: Create) => !listed.has(id) || !(waits || prompts.has(key))
  const lost = created.filter(isLost).length
  const doubled = [...upstream.requests.values()].filter((requests) => requests > 1).length
  const repeated = [...prompts.values()].filter((made) => made.length > 1).length
  const wrong = rows.reduce((sum, row) => sum + Number(row.wrong), 0)
  console.table(rows)
  console.table({
    created: created.length,
    'wrong (0)': wrong,
    'lost (0)': lost,
    'doubled by us (0)': doubled,
    'carried out twice by the gateway': repeated,
    'still to be sent': waiting,
  })
  process.exitCode = wrong + lost + doubled === 0 ? 0 : 1
} finally {
  await rig.end()
}

/** Creates and reads, over and over, until stopped. Every second create waits for its assets, of which it has none. */
function startLoad(name: string, tally: Record<string, number>, created: Create[]) {
  let stopping = false
  async function work(worker: number): Promise<void> {
    for (let count = 0; !stopping; count += 1) {
      const key = `${name} ${worker} ${count}`
      const waits = count % 2 === 1
      const id = await create(key, waits, tally)
      if (id) created.push({ key, id, waits })

      const known = created.at(-1)
      if (known) await readBack(known, tally)
      await pause(PAUSE_MS)
    }
  }
  const workers = Array.from({ length: WORKERS }, (_, index) => work(index))
  return {
    async stop() {
      stopping = true
      await Promise.all(workers)
    },
  }
}

/** The id of what was created, or null. Repeats with the same key while the answer says that this is safe. */
async function create(
  key: string,
  waits: boolean,
  tally: Record<string, number>,
): Promise<string | null> {
  for (let repeat = 0; ; repeat += 1) {
    const answer = await rig.ask(PORT, {
      query: `mutation ($key: String!, $waits: Boolean!) {
        createVideoTask(input: { prompt: $key, idempotencyKey: $key, waitForAssets: $waits }) {
          ... on VideoTask { id prompt } ... on Error { code retryable }
        }
      }`,
      variables: { key, waits },
    })
    const result = answer?.data?.createVideoTask
    note(tally, answer, result, ({ prompt }) => prompt === key)
    if (result?.id) return result.id
    const isUnanswered = answer === null || answer === undefined
    const isSafe = isUnanswered || result?.retryable || answer.errors?.[0]?.extensions?.retryable
    if (!isSafe || repeat === MAX_REPEATS) return null
    await pause(20)
  }
}

async function readBack({ key, id }: Create, tally: Record<string, number>): Promise<void> {
  const answer = await rig.ask(PORT, {
    query: 'query ($id: ID!) { videoTask(id: $id) { id prompt } }',
    variables: { id },
  })
  // Without the ledger the prompt of a task is not known.
  const fits = (task: Answer) => task.prompt === key || task.prompt === null
  note(tally, answer, answer?.data?.videoTask, fits)
}

/** Counts an answer: served, refused with a type, missing, or wrong. */
function note(
  tally: Record<string, number>,
  answer: Answer,
  result: Answer,
  fits: (result: Answer) => boolean,
): void {
  const code = result?.code ?? answer?.errors?.[0]?.extensions?.code
  const outcome =
    answer === null || answer === undefined
      ? 'unanswered'
      : result?.id && fits(result)
        ? 'served'
        : TYPED.has(code)
          ? 'refused'
          : 'wrong'
  if (outcome === 'wrong') console.error('wrong:', JSON.stringify(answer))
  tally.asked = (tally.asked ?? 0) + 1
  tally[outcome] = (tally[outcome] ?? 0) + 1
}

/** How long it takes after a fault until a create goes through and is listed, in milliseconds. */
async function recover(): Promise<number> {
  const since = Date.now()
  for (let attempt = 0; Date.now() - since < RECOVERY_LIMIT_MS; attempt += 1) {
    const key = `recovery ${since} ${attempt}`
    const answer = await rig.ask(PORT, {
      query: `mutation ($key: String!) {
        createVideoTask(input: { prompt: $key, idempotencyKey: $key }) { ... on VideoTask { id } }
      }`,
      variables: { key },
    })
    const id = answer?.data?.createVideoTask?.id
    if (id) {
      const listed = await rig.ask(PORT, { query: '{ videoTasks(first: 20) { nodes { id } } }' })
      const nodes: { id: string }[] = listed?.data?.videoTasks?.nodes ?? []
      if (nodes.length > 0) return Date.now() - since
    }
    await pause(50)
  }
  throw new Error(`No recovery within ${RECOVERY_LIMIT_MS} ms.`)
}

/** Clients that ask and hang up before they are answered. */
function clientsThatLeave(): Fault {
  let stopping = false
  return {
    name: 'clients leave at once',
    async begin() {
      const leave = async () => {
        while (!stopping) {
          await pause(10)
          await rig.ask(
            PORT,
            { query: '{ videoTask(id: "cgt-0") { status } }' },
            AbortSignal.timeout(5),
          )
        }
      }
      void Promise.all(Array.from({ length: 8 }, leave))
    },
    end() {
      stopping = true
    },
  }
}

/** Clients that open a connection, send half a request and wait. */
function clientsThatOnlyConnect(): Fault {
  const sockets: ReturnType<typeof connect>[] = []
  return {
    name: 'clients send half a request',
    begin() {
      for (let index = 0; index < 200; index += 1) {
        const socket = connect(PORT, '127.0.0.1', () =>
          socket.write('POST /graphql HTTP/1.1\r\nHost: x\r\n'),
        )
        socket.on('error', () => {})
        sockets.push(socket)
      }
    },
    end() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** How many tasks wait to be sent once all that can be sent has been, or the limit has passed. */
async function stillWaiting(): Promise<number> {
  for (const since = Date.now(); ; await pause(200)) {
    const answer = await rig.ask(PORT, {
      query: '{ videoTasks(first: 1, status: WAITING_FOR_ASSETS) { totalCount } }',
    })
    const count = answer?.data?.videoTasks?.totalCount
    if (count === 0 || Date.now() - since > ALL_SENT_LIMIT_MS) return count ?? Number.NaN
  }
}

async function listedIds(): Promise<Set<string>> {
  const ids = new Set<string>()
  for (let after: string | null = null; ; ) {
    const answer: Answer = await rig.ask(PORT, {
      query: `query ($after: String) { videoTasks(first: 100, after: $after) {
        nodes { id } pageInfo { hasNextPage endCursor }
      } }`,
      variables: { after },
    })
    const { nodes, pageInfo } = answer.data.videoTasks
    for (const { id } of nodes) ids.add(id)
    if (!pageInfo.hasNextPage) return ids
    after = pageInfo.endCursor
  }
}
