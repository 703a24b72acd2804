import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createChangeNotifier } from '../src/ledger/change-notifier.ts'
import { listenForNotifications } from '../src/ledger/postgres-listener.ts'
import { temporaryFolder, until } from './support/app.ts'
import { databaseFor } from './support/engine.ts'
import { startRelay } from './support/relay.ts'

const ADDRESS = { tenant: 't', kind: 'asset', key: 'JIMENG:Asset-1' } as const
const NOTIFICATION = JSON.stringify(['t', 'asset', 'JIMENG:Asset-1', null])

/** Another client of the same database. */
async function connect() {
  const url = await databaseFor(temporaryFolder())
  const client = new Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  return {
    url,
    notify: (payload: string) =>
      client.query('select pg_notify($1, $2)', ['zerograph_change', payload]),
    /** Terminates the LISTEN connections. */
    break: () =>
      client.query(`select pg_terminate_backend(pid) from pg_stat_activity ${LISTENERS}`),
    async listeners() {
      const { rows } = await client.query(`select pid from pg_stat_activity ${LISTENERS}`)
      return rows.length
    },
  }
}

const LISTENERS = "where application_name = 'zerograph listener' and datname = current_database()"

/** Listens at `url` and collects the notifications for `ADDRESS` and the errors. */
function listen(url: string) {
  const notifier = createChangeNotifier()
  const heard: (string | null)[] = []
  const errors: unknown[] = []
  notifier.listen(ADDRESS, (key) => void heard.push(key))
  const stop = listenForNotifications(url, notifier, (error) => void errors.push(error))
  onTestFinished(stop)
  return { heard, errors, stop }
}

test('a notification of another process reaches listeners, which first read once', async () => {
  const other = await connect()
  const { heard, errors } = listen(other.url)
  await until(() => heard.length === 1)

  await other.notify(NOTIFICATION)
  await until(() => heard.length === 2)

  expect(heard).toEqual([null, ADDRESS.key])
  expect(errors).toEqual([])
})

test('a broken connection is replaced, and all listeners read again', async () => {
  const other = await connect()
  const { heard, errors } = listen(other.url)
  await until(() => heard.length === 1)

  await other.break()
  await until(() => heard.length === 2)
  await other.notify(NOTIFICATION)
  await until(() => heard.length === 3)

  expect(heard).toEqual([null, null, ADDRESS.key])
  expect(errors).toEqual([expect.objectContaining({ code: '57P01' })])
})

test('an invalid notification makes all listeners read again and keeps the connection', async () => {
  const other = await connect()
  const { heard, errors } = listen(other.url)
  await until(() => heard.length === 1)

  await other.notify('no JSON')
  await other.notify('')
  await other.notify(NOTIFICATION)
  await until(() => heard.length === 4)

  expect(heard).toEqual([null, null, null, ADDRESS.key])
  expect(errors).toEqual([expect.any(SyntaxError), expect.any(SyntaxError)])
  expect(await other.listeners()).toBe(1)
})

test('an unresponsive connection is replaced within seconds', async () => {
  const other = await connect()
  const target = new URL(other.url)
  const relay = await startRelay(Number(target.port))
  target.port = String(relay.port)
  const { heard, errors } = listen(target.href)
  await until(() => heard.length === 1)

  relay.silence()
  await until(() => heard.length === 2, 12_000)

  expect(heard).toEqual([null, null])
  expect(errors).toHaveLength(1)
})

test('the listener retries an unavailable database several times per second and reports each failure', async () => {
  const other = await connect()
  const target = new URL(other.url)
  target.pathname = '/no_such_database'
  const { heard, errors, stop } = listen(target.href)

  await until(() => errors.length === 3)
  await stop()

  expect(heard).toEqual([])
  expect(errors).toEqual(Array(3).fill(expect.any(Error)))
})

test('stopping the listener closes its connection', async () => {
  const other = await connect()
  const { heard, errors, stop } = listen(other.url)
  await until(() => heard.length === 1)

  await stop()

  await until(async () => (await other.listeners()) === 0)
  expect(errors).toEqual([])
  expect(heard).toEqual([null])
})
