/**
 * Puts load on the service while one fault after another is injected into the upstream, the database, the clients and
 * the service itself: `npm run chaos`.
 *
 * For each fault it prints the number of requests, their outcomes, and the recovery time. It exits with 1 when a response
 * was wrong, a create was lost, or the service sent more than one request for one create.
 */
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault as UpstreamFault } from './counting-upstream.ts'
import { type Answer, startRig } from './rig.ts'

const PORT = 4711
const FAULT_MS = 4_000
const WORKERS = 8
const RECOVERY_LIMIT_MS = 60_000
/** How long to wait at the end for unsent tasks. A task that met a gateway in cool-down waits five minutes. */
const ALL_SENT_LIMIT_MS = 30_000
/** The error codes that are allowed during a fault. */
const ALLOWED_CODES = new Set([
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
  { name: 'none', begin() {}, end() {} },
  upstreamFault('the provider answers 500', 'provider500'),
  upstreamFault('the provider answers 429 to repeats', 'provider429'),
  upstreamFault('the gateway answers 429', 'limited'),
  upstreamFault('the gateway is cooling down', 'cooling'),
  upstreamFault('upstream hangs', 'hang'),
  upstreamFault('upstream resets', 'reset'),
  upstreamFault('upstream answers HTML', 'html'),
  upstreamFault('upstream is slow', 'slow'),
  { name: 'database unavailable', begin: rig.haltDatabase, end: rig.startDatabase },
  clientsDisconnectEarly(),
  clientsSendHalfRequests(),
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

/** Pause of a worker between two creates, so that the tracker can send the waiting tasks fast enough. */
const PAUSE_MS = 150

/** The most repeats of a create with its key. It is repeated only while the response says `retryable`. */
const MAX_REPEATS = 5

try {
  const rows: Record<string, unknown>[] = []
  const created: Create[] = []
  for (const fault of FAULTS) {
    const tally = { requests: 0, succeeded: 0, refused: 0, 'no response': 0, wrong: 0 }
    const load = startLoad(fault.name, tally, created)
    await fault.begin()
    await pause(FAULT_MS)
    await fault.end()
    const recoveryMs = await recover()
    await load.stop()
    rows.push({ fault: fault.name, ...tally, 'recovery ms': recoveryMs })
  }
  const unsent = await countUnsent()
  const listed = await listedIds()
  const prompts = Map.groupBy(upstream.createdTasks, ({ prompt }) => prompt)
  // A waiting task that could not be sent is FAILED, but it is listed.
  const isLost = ({ key, id, waits }: Create) => !listed.has(id) || !(waits || prompts.has(key))
  const lost = created.filter(isLost).length
  const duplicated = [...upstream.requests.values()].filter((requests) => requests > 1).length
  const repeated = [...prompts.values()].filter((tasks) => tasks.length > 1).length
  const wrong = rows.reduce((sum, row) => sum + Number(row.wrong), 0)
  console.table(rows)
  console.table({
    created: created.length,
    'wrong (0)': wrong,
    'lost (0)': lost,
    'duplicated by us (0)': duplicated,
    'carried out twice by the gateway': repeated,
    'not sent yet': unsent,
  })
  process.exitCode = wrong + lost + duplicated === 0 ? 0 : 1
} finally {
  await rig.end()
}

/** Creates and reads in a loop, until stopped. Every second create has `waitForAssets`, but no assets to wait for. */
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

/** Returns the id of the created task, or null. Repeats with the same key while the response says that this is safe. */
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
    count(tally, answer, result, ({ prompt }) => prompt === key)
    if (result?.id) return result.id
    const hasNoResponse = answer === null || answer === undefined
    const isSafe = hasNoResponse || result?.retryable || answer.errors?.[0]?.extensions?.retryable
    if (!isSafe || repeat === MAX_REPEATS) return null
    await pause(20)
  }
}

async function readBack({ key, id }: Create, tally: Record<string, number>): Promise<void> {
  const answer = await rig.ask(PORT, {
    query: 'query ($id: ID!) { videoTask(id: $id) { id prompt } }',
    variables: { id },
  })
  // While the database is unavailable, the prompt of a task is null.
  const isExpected = (task: Answer) => task.prompt === key || task.prompt === null
  count(tally, answer, answer?.data?.videoTask, isExpected)
}

/** Counts a response as succeeded, refused, missing or wrong. */
function count(
  tally: Record<string, number>,
  answer: Answer,
  result: Answer,
  isExpected: (result: Answer) => boolean,
): void {
  const code = result?.code ?? answer?.errors?.[0]?.extensions?.code
  const outcome =
    answer === null || answer === undefined
      ? 'no response'
      : result?.id && isExpected(result)
        ? 'succeeded'
        : ALLOWED_CODES.has(code)
          ? 'refused'
          : 'wrong'
  if (outcome === 'wrong') console.error('wrong:', JSON.stringify(answer))
  tally.requests = (tally.requests ?? 0) + 1
  tally[outcome] = (tally[outcome] ?? 0) + 1
}

/** Waits until a create succeeds and tasks are listed again. Returns the milliseconds that this took. */
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

/** Clients that disconnect before the response. */
function clientsDisconnectEarly(): Fault {
  let stopping = false
  return {
    name: 'clients disconnect early',
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

/** Clients that open a connection, send half a request and keep the connection open. */
function clientsSendHalfRequests(): Fault {
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

/** Waits until no task is WAITING_FOR_ASSETS, at most `ALL_SENT_LIMIT_MS`. Returns how many still are. */
async function countUnsent(): Promise<number> {
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
