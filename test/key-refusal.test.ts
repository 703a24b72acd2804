import { expect, onTestFinished, test } from 'vitest'
import { guardCallersKeys } from '../src/resolvers/key-refusal.ts'
import { createUpstreamClient } from '../src/upstream/client.ts'
import { type Data, startApp, until } from './support/app.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const LISTS = ['assets', 'assetGroups', 'videoTasks'].map((list) => `{ ${list} { totalCount } }`)
const READ = '{ asset(id: "Asset-1") { assetId } }'
const BAD_KEY: Answer = { status: 401, body: { detail: 'invalid api key' } }
const NO_KEY: Answer = { status: 403, body: { error: 'Invalid or missing API Key' } }

test.for([
  ['the edge', BAD_KEY],
  ['the gateway', NO_KEY],
] as const)('after %s refuses a key, its lists are UNAUTHENTICATED', async ([, answer]) => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ headers }) =>
    headers.authorization === 'Bearer sk-bad' ? answer : undefined
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.query(READ, {}, 'sk-bad')
  const calls = upstream.calls.length
  const refused = await Promise.all(LISTS.map((list) => app.query(list, {}, 'sk-bad')))
  const others = await Promise.all(LISTS.map((list) => app.query(list, {}, 'sk-good')))

  for (const { errors } of refused) {
    expect(errors).toMatchObject([
      { message: '0-0 does not accept this API key.', extensions: { code: 'UNAUTHENTICATED' } },
    ])
  }
  for (const { errors } of others) expect(errors).toBeUndefined()
  expect(upstream.calls).toHaveLength(calls)
})

test.for<[string, Answer]>([
  ["a provider's 401", { status: 401, body: { code: 401, msg: 'no' } }],
  ['an insufficient balance', { status: 402, body: { detail: 'insufficient balance' } }],
  ['a ban', { status: 403, body: { detail: 'banned' } }],
])('after %s, lists with the same key still work', async ([, answer]) => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => answer
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { errors } = await app.query(READ)

  expect(errors).toHaveLength(1)
  expect(await app.query('{ assets { totalCount } }')).toEqual({
    data: { assets: { totalCount: 0 } },
  })
})

test.for([
  ['a successful read', 'Asset-1'],
  ['a read of an unknown asset', 'Asset-9'],
])('a refused key is accepted again after %s', async ([, id]) => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  upstream.intercept = () => BAD_KEY
  await app.query(READ)
  const before = await app.query('{ assets { totalCount } }')
  upstream.intercept = () => undefined
  await app.query('query ($id: ID!) { asset(id: $id) { assetId } }', { id })

  expect(before.errors).toHaveLength(1)
  expect((await app.query('{ assets { totalCount } }')).data?.assets.totalCount).toBe(0)
})

test('a key stays refused after a response that is not about the key', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  upstream.intercept = () => BAD_KEY
  await app.query(READ)

  upstream.intercept = () => ({ status: 413, body: '<html>' })
  await app.query(READ)

  const { errors } = await app.query('{ assets { totalCount } }')
  expect(errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
})

test('a key that is refused for a poll is refused for lists too', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await app.query(`mutation { createAsset(
    input: { groupId: "group-1", url: "https://example.com/a.png" }
  ) { __typename } }`)

  upstream.intercept = () => BAD_KEY

  await until(async () => {
    const { errors } = await app.query('{ assets { totalCount } }')
    return errors?.[0]?.extensions?.code === 'UNAUTHENTICATED'
  })
})

test('the refusal of a key expires', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => BAD_KEY
  const client = createUpstreamClient({
    url: upstream.url,
    maxConcurrency: 1,
    maxCreates: 1,
    getTimeoutMs: 1_000,
    postTimeoutMs: 1_000,
  })
  onTestFinished(() => client.close())
  const guard = guardCallersKeys(client, 50)
  const call = { credential: 'sk-bad', requestId: 'r' }

  const before = guard.isRefused('sk-bad')
  await guard.upstream.getVideoTask({ taskId: 'cgt-1', model: null }, call).catch(() => {})
  const after = guard.isRefused('sk-bad')

  expect([before, after, guard.isRefused('sk-other')]).toEqual([false, true, false])
  await until(() => !guard.isRefused('sk-bad'))
})

const HELD = { UPSTREAM_API_KEY: 'sk-held', ALLOW_ANONYMOUS: '1' }
const INPUT = { groupId: 'group-1', url: 'https://example.com/a.png' }
const CREATE = `mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) {
  __typename ... on Asset { assetId } ... on Error { code message retryable }
  ... on UpstreamUnavailableError { retryAfterSeconds }
} }`

test('a refusal of the service key makes reads and creates SERVICE_UNAVAILABLE, and is logged', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => BAD_KEY
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...HELD })

  const answers = [
    await app.query(READ),
    await app.query('mutation { createAssetGroup(input: { name: "G" }) { __typename } }'),
    await app.query(CREATE, { inputs: [INPUT] }),
    await app.query('mutation { createVideoTask(input: { prompt: "A cat" }) { __typename } }'),
  ]
  const list = await app.query('{ assets { totalCount } }')

  for (const { errors } of answers) {
    expect(errors).toMatchObject([
      {
        message: 'This service cannot ask 0-0 now.',
        extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
      },
    ])
  }
  expect(list.data?.assets.totalCount).toBe(0)
  expect(keyLines(app.log)).toHaveLength(answers.length)
  expect(keyLines(app.log)[0]?.err.code).toBe('UNAUTHENTICATED')
})

test('with the service key, an upstream error that is not about the key is returned unchanged', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => ({ status: 402, body: { detail: 'insufficient balance' } })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...HELD })

  const { errors } = await app.query(READ)

  expect(errors?.[0]?.extensions?.code).toBe('PAYMENT_REQUIRED')
  expect(keyLines(app.log)).toEqual([])
})

test('a refusal of the service key between two assets is SERVICE_UNAVAILABLE, and is logged', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ method }) =>
    method === 'POST' && upstream.callsTo('POST').length > 1 ? BAD_KEY : undefined
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...HELD })

  const { data } = await app.query(CREATE, { inputs: [INPUT, INPUT] })

  expect(data?.createAssets).toEqual([
    { __typename: 'Asset', assetId: 'Asset-1' },
    {
      __typename: 'UpstreamUnavailableError',
      code: 'SERVICE_UNAVAILABLE',
      message: 'This service cannot ask 0-0 now.',
      retryable: true,
      retryAfterSeconds: 5,
    },
  ])
  expect(keyLines(app.log)).toHaveLength(1)
})

test('a refusal of the service key releases the idempotency key', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...HELD })
  const inputs = [{ ...INPUT, idempotencyKey: 'k1' }]

  upstream.intercept = () => BAD_KEY
  const refused = await app.query(CREATE, { inputs })
  upstream.intercept = () => undefined
  const again = await app.query(CREATE, { inputs })

  expect(refused.errors?.[0]?.extensions?.code).toBe('SERVICE_UNAVAILABLE')
  expect(again.data?.createAssets).toMatchObject([{ __typename: 'Asset' }])
})

function keyLines(log: Data[]): Data[] {
  return log.filter(({ level, msg }) => level === 50 && msg === 'the key of the service is refused')
}
