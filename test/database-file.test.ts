import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation { createVideoTask(input: { prompt: "A cat" }) {
  ... on VideoTask { id } ... on Error { code message }
} }`
const CREATE_WAITING = `mutation { createVideoTask(input: {
  prompt: "A cat", waitForAssets: true, resources: [{ role: REFERENCE, assetId: "Asset-1" }]
}) { ... on VideoTask { id } ... on Error { code message } } }`
const LIST = '{ videoTasks { nodes { taskId status } } }'

const fileOf = ({ dataDir }: TestApp) => join(dataDir, 'ledger.db')
const ready = async ({ url }: TestApp) => (await fetch(`${url}/ready`)).status
const list = async ({ query }: TestApp): Promise<Data[]> =>
  (await query(LIST)).data?.videoTasks.nodes ?? []
const unrecorded = ({ log }: TestApp) => log.filter(({ created }) => created !== undefined)

test('while another process locks the database file, reads and health checks work and creates wait', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const other = new DatabaseSync(fileOf(app))
  onTestFinished(() => other.close())
  other.exec('begin immediate')

  const creating = Promise.all(Array.from({ length: 5 }, () => app.query(CREATE)))
  const startedAt = performance.now()
  for (let turn = 0; turn < 5; turn += 1) {
    expect((await fetch(`${app.url}/health`)).status).toBe(200)
    expect(await list(app)).toEqual([])
    expect((await app.query('{ asset(id: "Asset-1") { status } }')).data).toEqual({
      asset: { status: 'ACTIVE' },
    })
  }
  const answeredInMs = performance.now() - startedAt
  const sentWhenLocked = upstream.callsTo('POST').length
  other.exec('commit')
  const created = await creating

  expect(answeredInMs).toBeLessThan(2_000)
  expect(sentWhenLocked).toBe(0)
  for (const { data } of created) expect(data?.createVideoTask.id).toMatch(/^VideoTask:/)
  expect(await list(app)).toHaveLength(5)
})

test('a create is refused with the reason if the lock is not released', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const other = new DatabaseSync(fileOf(app))
  onTestFinished(() => other.close())
  other.exec('begin immediate')

  const [refused, status] = await Promise.all([app.query(CREATE), ready(app)])
  other.exec('commit')

  expect(refused.errors?.[0]).toMatchObject({
    message:
      'The database of this service is locked by another process. Nothing was created at 0-0.',
    extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
  })
  expect(status).toBe(503)
  expect(upstream.callsTo('POST')).toEqual([])
  await until(async () => (await ready(app)) === 200)
})

test.for([
  ['deleted', (file: string) => rmSync(file)],
  [
    'replaced',
    (file: string) => {
      copyFileSync(file, `${file}.copy`)
      renameSync(`${file}.copy`, file)
    },
  ],
] as const)(
  'after the database file is %s, the service becomes not ready and refuses creates',
  async ([, change]) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })
    const before = await ready(app)
    change(fileOf(app))
    await until(async () => (await ready(app)) === 503)
    const refused = await app.query(CREATE)

    expect(before).toBe(200)
    expect(refused.errors?.[0]).toMatchObject({
      message:
        'The database file of this service was deleted or replaced. Nothing was created at 0-0.',
      extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
    })
    expect(upstream.callsTo('POST')).toEqual([])
  },
)

test('a waiting task is not sent while the database file is missing, and is sent once it is back', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await app.query(CREATE_WAITING)
  const file = fileOf(app)
  renameSync(file, `${file}.away`)
  await until(async () => (await ready(app)) === 503)

  upstream.assets.set('Asset-1', { status: 'Active' })
  await until(() => app.log.filter(({ err }) => err?.type === 'LedgerUnavailable').length >= 2)
  const sentWhenAway = upstream.callsTo('POST').length
  renameSync(`${file}.away`, file)
  await until(async () => (await list(app))[0]?.status === 'QUEUED')

  expect(sentWhenAway).toBe(0)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test.for([
  ['a create', CREATE, { kind: 'videoTask', key: expect.stringMatching(/^cgt-/) }],
  [
    'the send of a waiting task',
    CREATE_WAITING,
    {
      kind: 'videoTask',
      key: expect.stringMatching(/^zg-/),
      taskId: expect.stringMatching(/^cgt-/),
    },
  ],
] as const)(
  'shutdown time is bounded if the database is lost during %s, and the created id is logged',
  async ([, create, logged]) => {
    const upstream = await scriptUpstream()
    upstream.assets.set('Asset-1', { status: 'Active' })
    const app = await startApp({ UPSTREAM_URL: upstream.url }, { recordTimeoutMs: 300 })
    upstream.intercept = async ({ method }) => {
      if (method !== 'POST') return undefined
      renameSync(fileOf(app), `${fileOf(app)}.away`)
      await until(async () => (await ready(app)) === 503)
      return undefined
    }

    await app.query(create)
    await until(() => unrecorded(app).length > 0)
    const startedAt = performance.now()
    await app.stop()

    expect(performance.now() - startedAt).toBeGreaterThan(250)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(unrecorded(app)).toMatchObject([{ level: 50, created: logged }])
    expect(upstream.callsTo('POST')).toHaveLength(1)
  },
)

test('shutdown waits until the database is back, and the created task is recorded', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const file = fileOf(app)
  upstream.intercept = async ({ method }) => {
    if (method !== 'POST') return undefined
    renameSync(file, `${file}.away`)
    await until(async () => (await ready(app)) === 503)
    return undefined
  }
  await app.query(CREATE)
  await until(() => unrecorded(app).length > 0)

  const stopping = app.stop()
  renameSync(`${file}.away`, file)
  await stopping
  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })

  expect(unrecorded(app).map(({ level }) => level)).toEqual([50, 30])
  expect(await list(again)).toMatchObject([{ status: 'QUEUED' }])
})
