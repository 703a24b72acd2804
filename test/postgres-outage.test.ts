import type { PoolClient } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createChangeNotifier } from '../src/ledger/change-notifier.ts'
import { listenForNotifications } from '../src/ledger/postgres-listener.ts'
import { createPool } from '../src/ledger/postgres-pool.ts'
import { streamOf } from '../src/ledger/postgres-stream.ts'
import { startApp, type TestApp, temporaryFolder, until } from './support/app.ts'
import { databaseFor, SECRET_KEY } from './support/engine.ts'
import { startPostgres } from './support/postgres.ts'
import { startRelay } from './support/relay.ts'
import { scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation { createVideoTask(input: { prompt: "A cat" }) {
  ... on VideoTask { id } ... on Error { code message }
} }`
const LIST = '{ videoTasks { nodes { taskId } } }'

const unrecorded = ({ log }: TestApp) => log.filter(({ created }) => created !== undefined)

test('the service stops within seconds and logs the new id when PostgreSQL fails during a create', async () => {
  const postgres = await startPostgres()
  onTestFinished(postgres.stop)
  const upstream = await scriptUpstream()
  const app = await startApp(
    { UPSTREAM_URL: upstream.url, DATABASE_URL: postgres.url, SECRET_KEY },
    { recordTimeoutMs: 300 },
  )
  upstream.intercept = async ({ method }) => {
    if (method === 'POST') await postgres.halt()
    return undefined
  }

  const created = await app.query(CREATE)
  await until(() => unrecorded(app).length > 0)
  const refused = await app.query(CREATE)
  const startedAt = performance.now()
  await app.stop()

  expect(created.data?.createVideoTask.id).toMatch(/^VideoTask:cgt-/)
  expect(refused.errors?.[0]?.message).toBe(
    'The database of this service is not available. Nothing was created at 0-0.',
  )
  expect(performance.now() - startedAt).toBeLessThan(8_000)
  expect(unrecorded(app)).toMatchObject([
    { level: 50, created: { kind: 'videoTask', key: expect.stringMatching(/^cgt-/) } },
  ])
}, 60_000)

test('a task created during a PostgreSQL outage is recorded after it', async () => {
  const postgres = await startPostgres()
  onTestFinished(postgres.stop)
  const upstream = await scriptUpstream()
  const settings = { UPSTREAM_URL: upstream.url, DATABASE_URL: postgres.url, SECRET_KEY }
  const app = await startApp(settings)
  upstream.intercept = async ({ method }) => {
    if (method === 'POST') await postgres.halt()
    return undefined
  }
  await app.query(CREATE)
  await until(() => unrecorded(app).length > 0)
  await postgres.start()
  await until(() => unrecorded(app).length > 1, 20_000)

  const [taskId] = upstream.tasks.keys()
  expect((await app.query(LIST)).data?.videoTasks.nodes).toEqual([{ taskId }])
}, 60_000)

/** The test database behind a relay that can stop forwarding bytes. */
async function startSilenceableDatabase() {
  const url = new URL(await databaseFor(temporaryFolder()))
  const relay = await startRelay(Number(url.port))
  url.port = String(relay.port)
  return { url: url.href, relay }
}

test('the pool closes all sockets within seconds when PostgreSQL does not respond', async () => {
  const { url, relay } = await startSilenceableDatabase()
  const pool = createPool(url, () => {})
  const clients = (await Promise.all([pool.connect(), pool.connect()])) as PoolClient[]
  for (const client of clients) client.release()
  relay.silence()
  const startedAt = performance.now()
  await pool.end()

  expect(performance.now() - startedAt).toBeLessThan(3_000)
  expect(clients.map((client) => streamOf(client).destroyed)).toEqual([true, true])
})

test('the pool waits for the server to close its connections', async () => {
  const { url } = await startSilenceableDatabase()
  const pool = createPool(url, () => {})
  const client = (await pool.connect()) as PoolClient
  client.release()
  const startedAt = performance.now()
  await pool.end()

  expect(performance.now() - startedAt).toBeLessThan(800)
  expect(streamOf(client).closed).toBe(true)
})

test('a failed connection is LedgerUnavailable with the cause', async () => {
  const { url } = await startSilenceableDatabase()
  const missing = new URL(url)
  missing.pathname = '/missing'
  const pool = createPool(missing.href, () => {})

  await expect(pool.connect()).rejects.toMatchObject({
    name: 'LedgerUnavailable',
    reason: 'AWAY',
    cause: { code: '3D000' },
  })
})

test('the listener stops within seconds when PostgreSQL does not respond', async () => {
  const { url, relay } = await startSilenceableDatabase()
  const notifier = createChangeNotifier()
  const stop = listenForNotifications(url, notifier, () => {})
  await until(() => notifier.count > 0)
  relay.silence()
  const startedAt = performance.now()
  await stop()

  expect(performance.now() - startedAt).toBeLessThan(3_000)
})
