import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { SECRET_KEY } from './support/engine.ts'
import { startPostgres } from './support/postgres.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const CREATES = {
  AssetGroup: 'answer: createAssetGroup(input: { name: "G", idempotencyKey: "k" })',
  Asset: `answer: createAsset(
    input: { groupId: "group-1", url: "https://example.com/a.png", idempotencyKey: "k" }
  )`,
  VideoTask: 'answer: createVideoTask(input: { prompt: "A cat", idempotencyKey: "k" })',
}

interface Outage {
  kind: keyof typeof CREATES
  what: string
  answer: Answer | 'reset' | undefined
  first: Data
  /** The response to the same mutation after the outage. */
  again: Data
  creates: number
}

const NO_BALANCE: Answer = { status: 402, body: { detail: 'insufficient balance' } }

test.for<Outage>([
  {
    kind: 'VideoTask',
    what: 'insufficient balance',
    answer: NO_BALANCE,
    first: { code: 'PAYMENT_REQUIRED' },
    again: { id: 'VideoTask:cgt-2' },
    creates: 2,
  },
  {
    kind: 'Asset',
    what: 'insufficient balance',
    answer: NO_BALANCE,
    first: { code: 'PAYMENT_REQUIRED' },
    again: { id: 'Asset:JIMENG:Asset-2' },
    creates: 2,
  },
  {
    kind: 'VideoTask',
    what: 'a connection reset',
    answer: 'reset',
    first: { code: 'OUTCOME_UNKNOWN' },
    again: { code: 'OUTCOME_UNKNOWN' },
    creates: 1,
  },
  {
    kind: 'AssetGroup',
    what: 'a rejection',
    answer: { status: 400, body: { message: 'no' } },
    first: { code: 'UPSTREAM_REJECTED' },
    again: { code: 'UPSTREAM_REJECTED' },
    creates: 1,
  },
  {
    kind: 'VideoTask',
    what: 'success',
    answer: undefined,
    first: { id: 'VideoTask:cgt-1' },
    again: { id: 'VideoTask:cgt-1' },
    creates: 1,
  },
])(
  'a create of $kind that ends with $what during a database outage responds at once and is recorded later',
  { timeout: 60_000 },
  async ({ kind, answer, first, again, creates }) => {
    const postgres = await startPostgres()
    onTestFinished(postgres.stop)
    const upstream = await scriptUpstream()
    const gate = Promise.withResolvers<undefined>()
    upstream.intercept = async ({ method }) => {
      if (method === 'POST') await gate.promise
      return answer
    }
    const app = await startApp({
      UPSTREAM_URL: upstream.url,
      DATABASE_URL: postgres.url,
      SECRET_KEY,
    })
    const sent = upstream.nextCall('POST')
    const creating = create(app, kind)
    await sent

    await postgres.halt()
    gate.resolve(undefined)
    const releasedAt = performance.now()
    const answered = await creating
    const waitedMs = performance.now() - releasedAt
    await postgres.start()
    await until(async () => (await stateOf(postgres.url)) !== 'SENDING', 10_000)
    upstream.intercept = () => undefined

    expect(answered).toMatchObject(first)
    expect(waitedMs).toBeLessThan(3_000)
    expect(await create(app, kind)).toMatchObject(again)
    expect(upstream.callsTo('POST')).toHaveLength(creates)
  },
)

async function create(app: TestApp, kind: keyof typeof CREATES): Promise<Data> {
  const fields = `__typename ... on ${kind} { id } ... on Error { code }`
  const { data, errors } = await app.query(`mutation { ${CREATES[kind]} { ${fields} } }`)
  return data?.answer ?? errors?.[0]?.extensions
}

/** State of the only idempotency record; undefined after its key was released. */
async function stateOf(url: string): Promise<string | undefined> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select state from idempotency_record')
  await client.end()
  return rows[0]?.state
}
