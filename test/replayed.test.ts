import { expect, test } from 'vitest'
import { type Data, KEY, startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'
import { initiate } from './support/websocket.ts'

const GROUP = `createAssetGroup(input: { name: "G", idempotencyKey: "g" }) {
  __typename ... on Error { code } }`
const ASSET = `createAsset(input: { groupId: "group-1", url: "https://example.com/a.png",
  idempotencyKey: "a" }) { __typename }`
const TASK = 'createVideoTask(input: { prompt: "A cat", idempotencyKey: "t" }) { __typename }'

/** The three ways in which an operation is executed. Only Yoga serves requests with the header. */
const TRANSPORTS: [name: string, send: (url: string, query: string) => Promise<string>][] = [
  ['HTTP without Yoga', (url, query) => post(url, query)],
  ['HTTP with Yoga', (url, query) => post(url, query, { 'x-zerograph-cost': '0' })],
  ['WebSocket', sendOverSocket],
]

async function post(url: string, query: string, headers: Record<string, string> = {}) {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
    body: JSON.stringify({ query }),
  }
  return (await fetch(`${url}/graphql`, request)).text()
}

async function sendOverSocket(url: string, query: string): Promise<string> {
  const [message] = await (await initiate(url)).run(query)
  return JSON.stringify(message?.payload)
}

test.for(TRANSPORTS)('a repeated create over %s has extensions.replayed', async ([, send]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  for (const field of [GROUP, ASSET, TASK]) {
    const query = `mutation { result: ${field} }`
    const first = await send(app.url, query)
    const again = await send(app.url, query)

    expect(JSON.parse(first)).toEqual({ data: { result: { __typename: expect.any(String) } } })
    expect(again).toBe(first.replace(/}$/, ',"extensions":{"replayed":true}}'))
  }
})

test('one replayed create in an operation with two is reported', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await app.query(`mutation { ${GROUP} }`)

  const both = await app.query(`mutation { ${GROUP} ${ASSET} }`)

  expect(both.extensions).toEqual({ replayed: true })
})

test('a stored failure and an unknown outcome are replayed, a conflict and a released key are not', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const twice = async (status: number, body: Data, key: string) => {
    const query = `mutation { createAssetGroup(input: { name: "G", idempotencyKey: "${key}" }) {
      ... on Error { code } } }`
    upstream.intercept = () => ({ status, body })
    return [await app.query(query), await app.query(query)].map((result) => [
      result.data?.createAssetGroup.code,
      result.extensions,
    ])
  }

  const rejected = await twice(400, { message: 'no' }, 'rejected')
  const unknown = await twice(500, { code: 500, msg: 'oops' }, 'unknown')
  const released = await twice(429, { error: 'Too many requests' }, 'released')
  const conflict = await app.query(`mutation {
    createAssetGroup(input: { name: "H", idempotencyKey: "rejected" }) { ... on Error { code } } }`)

  expect(rejected).toEqual([
    ['UPSTREAM_REJECTED', undefined],
    ['UPSTREAM_REJECTED', { replayed: true }],
  ])
  expect(unknown).toEqual([
    ['OUTCOME_UNKNOWN', undefined],
    ['OUTCOME_UNKNOWN', { replayed: true }],
  ])
  expect(released).toEqual(Array(2).fill(['RATE_LIMITED', undefined]))
  expect(conflict).toEqual({ data: { createAssetGroup: { code: 'IDEMPOTENCY_CONFLICT' } } })
})

test('the cost and a replay are reported together', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const query = `mutation { ${GROUP} }`
  await app.query(query)

  const response = await post(app.url, query, { 'x-zerograph-cost': '1' })

  expect(JSON.parse(response).extensions).toMatchObject({ replayed: true, cost: { limit: 10_000 } })
})
