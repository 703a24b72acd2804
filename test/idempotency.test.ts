import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp } from './support/app.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation ($input: CreateVideoTaskInput!) { createVideoTask(input: $input) {
  __typename ... on VideoTask { id prompt } ... on Error { code message retryable }
  ... on InvalidInputError { issues { path } }
} }`

async function create(app: TestApp, input: Data, key?: string): Promise<Data> {
  const { data } = await app.query(CREATE, { input: { prompt: 'A cat', ...input } }, key)
  return data?.createVideoTask
}

test('a repeat with the same key and input gets the first outcome, and nothing more is sent', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const input = { idempotencyKey: 'k1', duration: 5, seed: 7 }

  const first = await create(app, input)
  const again = await create(app, { seed: 7, duration: 5, idempotencyKey: 'k1' })

  expect(first).toMatchObject({ __typename: 'VideoTask', id: 'VideoTask:cgt-1' })
  expect(again).toEqual(first)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('the same holds for groups and assets, and after a restart', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const mutation = `mutation {
    createAssetGroup(input: { name: "G", idempotencyKey: "g" }) { ... on AssetGroup { id } }
    createAsset(input: { groupId: "group-1", url: "https://example.com/a.png", idempotencyKey: "a" }) {
      ... on Asset { id }
    }
  }`

  const first = await app.query(mutation)
  await app.stop()
  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })

  expect(await again.query(mutation)).toEqual(first)
  expect(first.data?.createAsset.id).toBe('Asset:JIMENG:Asset-2')
  expect(upstream.callsTo('POST')).toHaveLength(2)
})

test('the same key with another input is a conflict; with another tenant it is another key', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await create(app, { idempotencyKey: 'k1' })

  const other = await create(app, { idempotencyKey: 'k1', prompt: 'A dog' })
  const group = await app.query(`mutation {
    createAssetGroup(input: { name: "G", idempotencyKey: "k1" }) { ... on Error { code } }
  }`)
  const theirs = await create(app, { idempotencyKey: 'k1', prompt: 'A dog' }, 'sk-other')

  expect(other).toMatchObject({ __typename: 'IdempotencyConflictError', retryable: false })
  expect(group.data?.createAssetGroup).toEqual({ code: 'IDEMPOTENCY_CONFLICT' })
  expect(theirs).toMatchObject({ __typename: 'VideoTask', prompt: 'A dog' })
})

test('repeats that arrive while the first is running wait for it: one is sent', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const sent = upstream.nextCall('POST')
  const creating = Array.from({ length: 10 }, () => create(app, { idempotencyKey: 'k1' }))
  await sent
  gate.resolve(undefined)
  const created = await Promise.all(creating)

  expect(new Set(created.map(({ id }) => id))).toEqual(new Set(['VideoTask:cgt-1']))
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test.for<[string, () => Answer | 'reset', string]>([
  ['a reset', () => 'reset', 'OUTCOME_UNKNOWN'],
  ['a 500', () => ({ status: 500, body: { error: 'x' } }), 'OUTCOME_UNKNOWN'],
  ['a truncated answer', () => ({ body: '{"id": "cgt-' }), 'OUTCOME_UNKNOWN'],
  ['a refusal', () => ({ status: 400, body: { message: 'no' } }), 'UPSTREAM_REJECTED'],
  ['a 429 of nobody known', () => ({ status: 429, body: {} }), 'OUTCOME_UNKNOWN'],
])('after %s the key keeps its outcome, and nothing is sent again', async ([, answer, code]) => {
  const upstream = await scriptUpstream()
  upstream.intercept = answer
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const first = await create(app, { idempotencyKey: 'k1' })
  upstream.intercept = () => undefined
  const again = await create(app, { idempotencyKey: 'k1' })

  expect(first.code).toBe(code)
  expect(again).toEqual(first)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('a time-out leaves the outcome unknown for good, also when the answer comes later', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url, UPSTREAM_POST_TIMEOUT_MS: '100' })

  const first = await create(app, { idempotencyKey: 'k1' })
  gate.resolve(undefined)
  const again = await create(app, { idempotencyKey: 'k1' })

  expect([first.code, again.code]).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'])
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('what never left gives the key back', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = [{ role: 'FIRST_FRAME', assetId: 'Asset-1' }]

  const early = await create(app, { idempotencyKey: 'k1', resources })
  upstream.assets.set('Asset-1', { status: 'Active' })
  const late = await create(app, { idempotencyKey: 'k1', resources })

  expect(early.code).toBe('ASSETS_NOT_READY')
  expect(late.__typename).toBe('VideoTask')
})

test.for([
  ['is blank', ' '],
  ['is empty', ''],
  ['has a control character', 'a\u0000b'],
  ['is longer than 255', 'x'.repeat(256)],
  ['has a lone surrogate', '\ud800'],
  ['has another lone surrogate', 'a\udc01'],
])('a key that %s is an issue of the input', async ([, idempotencyKey]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const answer = await create(app, { idempotencyKey })

  expect(answer).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['idempotencyKey'] }] })
  expect(upstream.calls).toEqual([])
})

test.for([
  ['of 255 characters', 'x'.repeat(255)],
  ['of one character', '1'],
  ['with pairs of surrogates', '\u{1f600} and \u{1f601}'],
])('a key %s is taken', async ([, idempotencyKey]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const first = await create(app, { idempotencyKey })
  const again = await create(app, { idempotencyKey })

  expect(first.__typename).toBe('VideoTask')
  expect(again).toEqual(first)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})
