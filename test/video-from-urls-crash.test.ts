import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { ask, type Data, until } from './support/app.ts'
import type { ServiceProcess } from './support/process.ts'
import { sharedDatabase, startTwo } from './support/two-processes.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation { createVideoFromUrls(input: {
  prompt: "She smiles", idempotencyKey: "k", files: [
    { url: "https://example.com/first.png", role: FIRST_FRAME }
    { url: "https://example.com/last.png", role: LAST_FRAME }
  ]
}) { __typename ... on VideoTask { id status } ... on Error { code } } }`
const TASKS = 'POST /v1/video/tasks'

/** Two processes that share a database. */
async function startBoth() {
  const upstream = await scriptUpstream()
  const settings = {
    ...(await sharedDatabase(upstream)),
    ASSET_POLL_MIN_MS: '100',
    ASSET_POLL_MAX_MS: '100',
  }
  const { a, b } = await startTwo(settings)
  const database = new Client({ connectionString: settings.DATABASE_URL })
  await database.connect()
  onTestFinished(() => database.end())
  return { upstream, a, b, database }
}

/**
 * Makes the insert of one idempotency record wait. The returned function resolves when it waits, kills the process that
 * inserts it, and removes the wait. The insert is never committed.
 */
async function killAtRecord(database: Client, process: ServiceProcess, key: string) {
  await database.query(`
    create function wait() returns trigger language plpgsql as $$
      begin perform pg_sleep(60); return new; end $$;
    create trigger wait before insert on idempotency_record for each row
      when (new.idempotency_key = ${key}) execute function wait()`)
  const sleeping = `from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
  return async () => {
    await until(async () => (await database.query(`select 1 ${sleeping}`)).rows.length > 0)
    await process.kill('SIGKILL')
    await database.query(`select pg_terminate_backend(pid) ${sleeping}`)
    await database.query('drop trigger wait on idempotency_record')
  }
}

/** How many groups, assets and tasks 0-0 was asked to create. */
function creates(upstream: ScriptedUpstream) {
  const prefixes = ['POST /v1/asset-groups', 'POST /v1/assets', TASKS]
  return prefixes.map((prefix) => upstream.callsTo(prefix).length)
}

async function create(process: ServiceProcess): Promise<Data> {
  const { data, extensions } = await ask(process.url, CREATE)
  return { ...data?.createVideoFromUrls, ...(extensions ? { extensions } : {}) }
}

test.for<[next: string, key: string, before: number[]]>([
  ['the first step', `'k'`, [0, 0, 0]],
  ['the group is created', `'k' || chr(31) || 'group'`, [0, 0, 0]],
  ['the first asset is created', `'k' || chr(31) || 'asset 0'`, [1, 0, 0]],
  ['the second asset is created', `'k' || chr(31) || 'asset 1'`, [1, 1, 0]],
  ['the task is stored', `'k' || chr(31) || 'task'`, [1, 2, 0]],
])(
  'killed before %s, another process continues with the same key',
  { timeout: 60_000 },
  async (row) => {
    const [, key, before] = row
    const { upstream, a, b, database } = await startBoth()
    const kill = await killAtRecord(database, a, key)
    create(a).catch(() => {})

    await kill()
    const done = creates(upstream)
    const task = await create(b)
    const again = await create(b)
    const sent = upstream.nextCall(TASKS)
    for (const asset of upstream.assets.values()) asset.status = 'Active'
    await sent
    const { data } = await ask(
      b.url,
      '{ assetGroups { totalCount } assets { totalCount } videoTasks { totalCount } }',
    )

    expect(done).toEqual(before)
    expect(task).toEqual({
      __typename: 'VideoTask',
      id: expect.any(String),
      status: 'WAITING_FOR_ASSETS',
    })
    expect(again).toEqual({ ...task, extensions: { replayed: true } })
    expect(creates(upstream)).toEqual([1, 2, 1])
    expect(data).toEqual({
      assetGroups: { totalCount: 1 },
      assets: { totalCount: 2 },
      videoTasks: { totalCount: 1 },
    })
  },
)

test.for<[what: string, number: number, sent: number[]]>([
  ['group', 1, [1, 0, 0]],
  ['first asset', 2, [1, 1, 0]],
  ['second asset', 3, [1, 2, 0]],
])(
  'killed before 0-0 responds to the create of the %s, the outcome stays unknown',
  { timeout: 60_000 },
  async (row) => {
    const [, number, sent] = row
    const { upstream, a, b } = await startBoth()
    const arrived = Promise.withResolvers<void>()
    upstream.intercept = ({ method }) => {
      if (method !== 'POST' || upstream.callsTo('POST').length < number) return undefined
      arrived.resolve()
      return new Promise(() => {})
    }
    create(a).catch(() => {})
    await arrived.promise

    await a.kill('SIGKILL')
    upstream.intercept = () => undefined
    const [first, second] = [await create(b), await create(b)]

    for (const { code, extensions } of [first, second]) {
      expect([code, extensions]).toEqual(['OUTCOME_UNKNOWN', { replayed: true }])
    }
    expect(creates(upstream)).toEqual(sent)
  },
)

test('two processes that get the same key at once create everything once', async () => {
  const { upstream, a, b } = await startBoth()

  const results = await Promise.all([a, b, a, b].map(create))

  expect(new Set(results.map(({ id }) => id)).size).toBe(1)
  expect(creates(upstream)).toEqual([1, 2, 0])
}, 60_000)
