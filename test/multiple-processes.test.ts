import { createClient } from 'graphql-ws'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { openLedger } from '../src/ledger/ledger.ts'
import { ask, type Data, KEY, subscribe, temporaryFolder, until } from './support/app.ts'
import { databaseFor } from './support/engine.ts'
import { startPostgres } from './support/postgres.ts'
import { type ServiceProcess, startProcess } from './support/process.ts'
import { startRelay } from './support/relay.ts'
import { sharedDatabase, startTwo } from './support/two-processes.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const GAP_MS = 500
const REGISTER = `mutation { createAsset(
  input: { groupId: "group-1", url: "https://example.com/a.png" }
) { ... on Asset { assetId } } }`
const SUBSCRIBE = 'subscription ($id: ID!) { assetStatusChanged(ids: [$id]) { previous current } }'
const CREATE = `mutation ($key: String) { createVideoTask(
  input: { prompt: "A cat", idempotencyKey: $key }
) { __typename ... on VideoTask { id } ... on Error { code } } }`

/** Settings for processes that share a database. */
async function sharedSettings(upstream: ScriptedUpstream): Promise<Record<string, string>> {
  return {
    ...(await sharedDatabase(upstream)),
    ASSET_POLL_MIN_MS: String(GAP_MS),
    ASSET_POLL_MAX_MS: String(GAP_MS),
    TASK_POLL_MIN_MS: String(GAP_MS),
    TASK_POLL_MAX_MS: String(GAP_MS),
    MAX_SOCKET_OPERATIONS: '500',
    MAX_TENANT_SOCKETS: '1000',
  }
}

test('ten processes that start together migrate an empty database once', async () => {
  const databaseUrl = await databaseFor(temporaryFolder())
  const open = () =>
    openLedger({
      dataDir: temporaryFolder(),
      databaseUrl,
      polling: { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 60_000 },
      onError() {},
    })

  const ledgers = await Promise.all(Array.from({ length: 10 }, open))
  onTestFinished(async () => void (await Promise.all(ledgers.map((ledger) => ledger.close()))))

  const reachable = await Promise.all(ledgers.map((ledger) => ledger.isReachable()))
  expect(reachable).toEqual(Array(10).fill(true))
  const ref = { tenant: 'tenant', kind: 'asset', key: 'JIMENG:Asset-1' } as const
  expect(await ledgers[9]?.find(ref)).toBeNull()
})

test('polls of a killed process are taken over within three intervals', async () => {
  const upstream = await scriptUpstream()
  const settings = await sharedSettings(upstream)
  const a = await startProcess(settings)
  await ask(a.url, REGISTER)
  await upstream.nextCall('GET /v1/assets/')
  const b = await startProcess(settings)

  await a.kill('SIGKILL')
  const killedAt = Date.now()
  const takenOver = await upstream.nextCall('GET /v1/assets/')
  await upstream.nextCall('GET /v1/assets/')

  expect(takenOver.at - killedAt).toBeLessThan(3 * GAP_MS)
  expect((await ask(b.url, '{ assets { totalCount } }')).data?.assets.totalCount).toBe(1)
})

test('a paused process that resumes after losing its lease writes nothing', async () => {
  const upstream = await scriptUpstream()
  const settings = await sharedSettings(upstream)
  const a = await startProcess(settings)
  await ask(a.url, REGISTER)
  const held = Promise.withResolvers<void>()
  let polls = 0
  upstream.intercept = async ({ method }) => {
    if (method !== 'GET') return undefined
    polls += 1
    if (polls > 1) return undefined
    await held.promise
    return { body: { code: 200, data: { asset_id: 'Asset-1', status: 'Failed' } } }
  }
  await upstream.nextCall('GET /v1/assets/')
  a.signal('SIGSTOP')
  const b = await startProcess(settings)
  const events = subscribe(b.url, SUBSCRIBE, { id: 'Asset-1' })
  await events.next()

  await upstream.nextCall('GET /v1/assets/')
  upstream.assets.set('Asset-1', { status: 'Active' })
  held.resolve()
  const seen = await events.rest()
  a.signal('SIGCONT')
  await until(() => a.log.some(({ msg }) => msg === 'lease lost'))

  const changes = seen.map(({ data }) => data?.assetStatusChanged)
  expect(changes).toEqual([{ previous: 'PROCESSING', current: 'ACTIVE' }])
  const again = await subscribe(a.url, SUBSCRIBE, { id: 'Asset-1' }).rest()
  expect(again.map(({ data }) => data?.assetStatusChanged.current)).toEqual(['ACTIVE'])
})

test('1000 subscribers over two processes cause one poll per interval, and each sees each change once', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'queued' })
  const { a, b } = await startTwo(await sharedSettings(upstream))
  const query = 'subscription { videoTaskStatusChanged(ids: ["cgt-1"]) { previous current } }'
  const streams = [a, b].flatMap(({ url }) => {
    const client = connect(url)
    return Array.from({ length: 500 }, () => client.iterate<Data>({ query }))
  })
  await Promise.all(streams.map((stream) => stream.next()))

  const since = Date.now()
  const before = upstream.callsTo('GET').length
  await until(() => upstream.callsTo('GET').length >= before + 4, 10_000)
  upstream.tasks.set('cgt-1', { status: 'running' })
  await until(() => upstream.callsTo('GET').length >= before + 6, 10_000)
  upstream.tasks.set('cgt-1', { status: 'succeeded' })
  const seen = await Promise.all(
    streams.map(async (stream) => {
      const changes: Data[] = []
      for await (const { data } of stream) changes.push(data?.videoTaskStatusChanged)
      return changes
    }),
  )

  const gaps = (Date.now() - since) / (GAP_MS * 0.8)
  expect(upstream.callsTo('GET').length - before).toBeLessThanOrEqual(gaps + 1)
  const expected = [
    { previous: 'QUEUED', current: 'RUNNING' },
    { previous: 'RUNNING', current: 'SUCCEEDED' },
  ]
  for (const changes of seen) expect(changes).toEqual(expected)
}, 60_000)

test('a process reads missed changes after its LISTEN connection reconnects', async () => {
  const upstream = await scriptUpstream()
  const settings = await sharedSettings(upstream)
  const { a, b } = await startTwo(settings)
  upstream.tasks.set('cgt-1', { status: 'queued' })
  const query = `subscription { videoTaskStatusChanged(ids: ["cgt-1"]) { current } }`
  const there = subscribe(b.url, query)
  await there.next()
  const database = new Client({ connectionString: settings.DATABASE_URL })
  await database.connect()
  onTestFinished(() => database.end())
  const breakListeners = () =>
    database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'zerograph listener' and datname = current_database()`,
    )

  // During the reconnect, one process sees the change and cannot notify the other.
  await breakListeners()
  upstream.tasks.set('cgt-1', { status: 'succeeded' })
  await ask(a.url, '{ videoTask(id: "cgt-1") { status } }')
  const rest = await there.rest()

  expect(rest.map(({ data }) => data?.videoTaskStatusChanged.current)).toEqual(['SUCCEEDED'])
})

test('POLL_MAX_RPS limits the polls of both processes together', async () => {
  const upstream = await scriptUpstream()
  const settings = { ...(await sharedSettings(upstream)), POLL_MAX_RPS: '10' }
  const { a } = await startTwo(settings)
  const inputs = Array(30).fill({ groupId: 'group-1', url: 'https://example.com/a.png' })
  const startedAt = Date.now()
  await ask(
    a.url,
    'mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) { __typename } }',
    { inputs },
  )

  await until(() => upstream.callsTo('GET').length >= 80, 20_000)

  // Measured from before the first poll, because delayed polls arrive closer together than they were sent.
  const seconds = ((upstream.callsTo('GET')[79]?.at ?? 0) - startedAt) / 1_000
  // A full bucket of 10 may be spent at once. The rest must keep the rate.
  expect((80 - 10) / seconds).toBeLessThan(10.5)
}, 30_000)

test('one create is sent when two processes get the same idempotency key at once', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    return undefined
  }
  const { a, b } = await startTwo(await sharedSettings(upstream))

  const answers = await Promise.all([a, b, a, b].map(({ url }) => ask(url, CREATE, { key: 'k' })))

  expect(upstream.callsTo('POST')).toHaveLength(1)
  for (const { data } of answers) {
    expect(data?.createVideoTask).toEqual({ __typename: 'VideoTask', id: 'VideoTask:cgt-1' })
  }
})

test('two processes together create one asset of a tenant at a time', async () => {
  const upstream = await scriptUpstream()
  let inFlight = 0
  let most = 0
  upstream.intercept = async ({ method }) => {
    if (method !== 'POST') return undefined
    inFlight += 1
    most = Math.max(most, inFlight)
    await new Promise((resolve) => setTimeout(resolve, 30))
    inFlight -= 1
    return undefined
  }
  const { a, b } = await startTwo(await sharedSettings(upstream))
  const inputs = Array(5).fill({ groupId: 'group-1', url: 'https://example.com/a.png' })
  const create = ({ url }: ServiceProcess) =>
    ask(
      url,
      'mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) { __typename } }',
      { inputs },
    )

  const answers = await Promise.all([a, b, a, b].map(create))

  for (const { data } of answers) {
    expect(data?.createAssets).toEqual(Array(5).fill({ __typename: 'Asset' }))
  }
  expect(upstream.callsTo('POST')).toHaveLength(20)
  expect(most).toBe(1)
})

test('an idempotency key is OUTCOME_UNKNOWN for good when the process is killed before the response', async () => {
  const upstream = await scriptUpstream()
  const settings = await sharedSettings(upstream)
  const { a, b } = await startTwo(settings)
  upstream.intercept = ({ method }) => (method === 'POST' ? new Promise(() => {}) : undefined)
  const sent = upstream.nextCall('POST')
  ask(a.url, CREATE, { key: 'k' }).catch(() => {})
  await sent

  await a.kill('SIGKILL')
  upstream.intercept = () => undefined
  const first = await ask(b.url, CREATE, { key: 'k' })
  const second = await ask(b.url, CREATE, { key: 'k' })

  for (const { data } of [first, second]) {
    expect(data?.createVideoTask.code).toBe('OUTCOME_UNKNOWN')
  }
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('a waiting task is FAILED and not sent again when its sender is killed before the response', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const settings = await sharedSettings(upstream)
  const a = await startProcess(settings)
  const accepted = await ask(
    a.url,
    `mutation { createVideoTask(input: { prompt: "A cat", waitForAssets: true
      resources: [{ role: FIRST_FRAME, assetId: "Asset-1" }] }) { ... on VideoTask { id } } }`,
  )
  upstream.intercept = ({ method }) => (method === 'POST' ? new Promise(() => {}) : undefined)
  upstream.assets.set('Asset-1', { status: 'Active' })
  await upstream.nextCall('POST')

  await a.kill('SIGKILL')
  upstream.intercept = () => undefined
  const b = await startProcess(settings)
  const events = await subscribe(
    b.url,
    `subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) {
      current videoTask { failureReason }
    } }`,
    { id: accepted.data?.createVideoTask.id },
  ).rest()

  const last = events.at(-1)?.data?.videoTaskStatusChanged
  expect(last.current).toBe('FAILED')
  expect(last.videoTask.failureReason).toMatch(/outcome is unknown/)
  expect(upstream.callsTo('POST')).toHaveLength(1)
  // Another process waits 20 s for the sender to record the result.
}, 60_000)

test('a rolling restart under load loses no status change and no create', async () => {
  const upstream = await scriptUpstream()
  const settings = await sharedSettings(upstream)
  const { a, b } = await startTwo(settings)
  const replicas = [a, b]
  upstream.tasks.set('cgt-watched', { status: 'queued' })
  const seen = Array.from({ length: 200 }, (_, index) => follow(replicas, index, 'cgt-watched'))
  await Promise.all(seen.map(({ begun }) => begun))
  const load = steadyCreates(replicas)

  for (const index of [0, 1]) {
    const next = await startProcess(settings)
    const [old] = replicas.splice(index, 1, next)
    await old?.kill('SIGTERM')
    upstream.tasks.set('cgt-watched', { status: index === 0 ? 'running' : 'succeeded' })
    await until(async () => (await statusOf(next, 'cgt-watched')) !== 'QUEUED')
  }
  const changes = await Promise.all(seen.map(({ ended }) => ended))
  const keys = await load.stop()

  for (const statuses of changes) expect(statuses).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED'])
  const { data } = await ask(replicas[0]?.url ?? '', '{ videoTasks { totalCount } }')
  expect(keys.length).toBeGreaterThan(20)
  expect(new Set(keys.map(({ id }) => id)).size).toBe(keys.length)
  expect(upstream.callsTo('POST')).toHaveLength(keys.length)
  expect(data?.videoTasks.totalCount).toBe(keys.length + 1)
}, 60_000)

test('during a database outage reads work and creates are refused, and both work after it', async () => {
  const postgres = await startPostgres()
  onTestFinished(postgres.stop)
  const upstream = await scriptUpstream()
  const settings = { ...(await sharedSettings(upstream)), DATABASE_URL: postgres.url }
  const service = await startProcess(settings)
  await ask(service.url, REGISTER)
  const subscriber = subscribe(service.url, SUBSCRIBE, { id: 'Asset-1' })
  await subscriber.next()

  await postgres.halt()
  const before = upstream.callsTo('POST').length
  const read = await ask(service.url, '{ asset(id: "Asset-1") { status } }')
  const list = await ask(service.url, '{ assets { totalCount } }')
  const created = await ask(service.url, CREATE, {})
  const ready = await fetch(`${service.url}/ready`)
  upstream.assets.set('Asset-1', { status: 'Active' })
  await postgres.start()
  const rest = await subscriber.rest()

  expect(read.data?.asset.status).toBe('PROCESSING')
  for (const { errors } of [list, created]) {
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      retryable: true,
    })
  }
  expect(upstream.callsTo('POST').length).toBe(before)
  expect(ready.status).toBe(503)
  expect(rest.map(({ data }) => data?.assetStatusChanged)).toEqual([
    { previous: 'PROCESSING', current: 'ACTIVE' },
  ])
  await until(async () => (await fetch(`${service.url}/ready`)).status === 200)
}, 60_000)

test('the service recovers from database connections that do not respond', async () => {
  const upstream = await scriptUpstream()
  const settings = await sharedSettings(upstream)
  const target = new URL(settings.DATABASE_URL ?? '')
  const relay = await startRelay(Number(target.port))
  target.port = String(relay.port)
  const service = await startProcess({ ...settings, DATABASE_URL: target.href })
  const list = () => ask(service.url, '{ assets { totalCount } }')
  await Promise.all(Array.from({ length: 20 }, list))

  relay.silence()
  await until(async () => (await list()).data?.assets?.totalCount === 0, 40_000)

  expect((await ask(service.url, REGISTER)).data?.createAsset.assetId).toBe('Asset-1')
}, 60_000)

function connect(url: string) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${KEY}` },
    retryAttempts: 0,
  })
  onTestFinished(async () => client.dispose())
  return client
}

/** Follows a task through any running process, like a client that reconnects after a close with 1001. */
function follow(replicas: ServiceProcess[], index: number, taskId: string) {
  const query = `subscription { videoTaskStatusChanged(ids: ["${taskId}"]) { previous current } }`
  const begun = Promise.withResolvers<void>()
  const statuses: string[] = []
  async function run(): Promise<string[]> {
    while (statuses.at(-1) !== 'SUCCEEDED') {
      const { url } = replicas[index % replicas.length] as ServiceProcess
      try {
        for await (const { data } of connect(url).iterate<Data>({ query })) {
          const { previous, current } = data?.videoTaskStatusChanged ?? {}
          // The first event after a reconnect is the current status, which may be known already.
          if (previous !== null || current !== statuses.at(-1)) statuses.push(current)
          begun.resolve()
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    return statuses
  }
  return { begun: begun.promise, ended: run() }
}

/** Creates tasks one after another until stopped. Repeats each with its key until it succeeds. */
function steadyCreates(replicas: ServiceProcess[]) {
  let stopping = false
  const created: { key: string; id: string }[] = []
  async function run(): Promise<void> {
    for (let count = 0; !stopping; count += 1) {
      const key = `create-${count}`
      let id: string | undefined
      while (id === undefined) {
        const { url } = replicas[count % replicas.length] as ServiceProcess
        const answer = await ask(url, CREATE, { key }).catch(() => null)
        id = answer?.data?.createVideoTask?.id
        if (id === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      created.push({ key, id })
    }
  }
  const running = run()
  return {
    async stop() {
      stopping = true
      await running
      return created
    },
  }
}

async function statusOf({ url }: ServiceProcess, taskId: string): Promise<string> {
  const { data } = await ask(url, `{ videoTask(id: "${taskId}") { status } }`)
  return data?.videoTask.status
}
