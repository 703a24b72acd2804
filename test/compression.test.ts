import { once } from 'node:events'
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { getIntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { startApp, type TestApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const UPSTREAM_URL = 'http://127.0.0.1:1'
const LONG = getIntrospectionQuery()
const SHORT = '{ __typename }'

test.for([
  ['gzip', 'gzip', gunzipSync],
  ['br', 'br', brotliDecompressSync],
  ['gzip, deflate, br', 'br', brotliDecompressSync],
  ['br;q=0.1, gzip', 'gzip', gunzipSync],
] as const)('Accept-Encoding "%s" encodes a response as %s', async ([accepted, coding, decode]) => {
  const app = await startApp({ UPSTREAM_URL })

  const plain = await post(app, LONG, {})
  const { headers, body } = await post(app, LONG, { 'accept-encoding': accepted })

  expect(headers['content-encoding']).toBe(coding)
  expect(String(headers.vary).toLowerCase()).toContain('accept-encoding')
  expect(body.length).toBeLessThan(plain.body.length / 4)
  expect(String(decode(body))).toBe(String(plain.body))
})

test.for([undefined, 'identity', 'gzip;q=0', 'gzip;q=0, br;q=0, *;q=0', 'zstd'])(
  'Accept-Encoding "%s" gives a large response without encoding',
  async (accepted) => {
    const app = await startApp({ UPSTREAM_URL })

    const { headers, body } = await post(
      app,
      LONG,
      accepted === undefined ? {} : { 'accept-encoding': accepted },
    )

    expect(headers['content-encoding']).toBeUndefined()
    expect(String(headers.vary).toLowerCase()).toContain('accept-encoding')
    expect(JSON.parse(String(body)).data.__schema).toBeDefined()
  },
)

test.for(['application/json', 'application/graphql-response+json'])(
  'a response of type %s is compressed if it has at least 1 KiB',
  async (accept) => {
    const app = await startApp({ UPSTREAM_URL })
    const headers = { accept, 'accept-encoding': 'gzip' }
    const field = (length: number) => `{ ${'a'.repeat(length)}: __typename }`
    const empty = (await post(app, field(1), headers)).body.length

    const below = await post(app, field(1024 - empty), headers)
    const from = await post(app, field(1025 - empty), headers)

    expect(below.headers['content-encoding']).toBeUndefined()
    expect(below.body).toHaveLength(1023)
    expect(from.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(from.body)).toHaveLength(1024)
  },
)

test('an event stream is not compressed, and each event is sent immediately', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const query = `subscription { ${'a'.repeat(1_500)}: assetStatusChanged(ids: ["Asset-1"]) { current } }`

  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer sk-test',
      accept: 'text/event-stream',
      'accept-encoding': 'gzip, br',
    },
    body: JSON.stringify({ query }),
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let received = ''
  while (!received.includes('PROCESSING')) received += (await reader?.read())?.value
  upstream.assets.set('Asset-1', { status: 'Active' })
  while (!received.includes('complete')) received += (await reader?.read())?.value

  expect(response.headers.get('content-encoding')).not.toMatch(/gzip|br/)
  expect(received).toContain('ACTIVE')
})

test('a small response is not compressed', async () => {
  const app = await startApp({ UPSTREAM_URL })

  const { headers, body } = await post(app, SHORT, { 'accept-encoding': 'gzip, br' })

  expect(headers['content-encoding']).toBeUndefined()
  expect(JSON.parse(String(body))).toEqual({ data: { __typename: 'Query' } })
})

test('the GraphiQL page is compressed only if the client accepts gzip', async () => {
  const app = await startApp({ UPSTREAM_URL })
  const get = (accepted: string) =>
    send(app, 'GET', { accept: 'text/html', 'accept-encoding': accepted })

  const compressed = await get('deflate, gzip')
  const plain = [await get('identity'), await get('gzip;q=0'), await get('br')]

  expect(compressed.headers['content-encoding']).toBe('gzip')
  for (const { headers, body } of plain) {
    expect(headers['content-encoding']).toBeUndefined()
    expect(body.equals(gunzipSync(compressed.body))).toBe(true)
  }
  for (const { headers } of [compressed, ...plain]) {
    expect(headers.vary?.toLowerCase().split(/, */)).toEqual(['accept', 'accept-encoding'])
  }
  const again = await send(app, 'GET', {
    accept: 'text/html',
    'if-none-match': plain[0]?.headers.etag ?? '',
  })
  expect(again.status).toBe(304)
})

function post(app: TestApp, query: string, headers: Record<string, string>) {
  const body = JSON.stringify({ query })
  return send(app, 'POST', { 'content-type': 'application/json', ...headers }, body)
}

/** Uses `request`, because `fetch` decodes the body. */
async function send(
  { url }: TestApp,
  method: string,
  headers: Record<string, string>,
  content?: string,
) {
  const sent = request(`${url}/graphql`, { method, headers }).end(content)
  const [response] = await once(sent, 'response')
  return {
    status: response.statusCode as number,
    headers: response.headers as Record<string, string | undefined>,
    body: await buffer(response),
  }
}
