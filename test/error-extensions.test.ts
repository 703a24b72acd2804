import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Data, KEY, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'
import { open } from './support/websocket.ts'

const ID = 'mine-1'

test.for<[what: string, query: string, code: string]>([
  ['a field', '{ asset(id: "no id") { id } }', 'INVALID_INPUT'],
  ['a syntax error', '{ asset(', 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
  ['a variable', 'query ($id: ID!) { asset(id: $id) { id } }', 'BAD_USER_INPUT'],
  ['a limit', `{ ${'a: __typename '.repeat(61)} }`, 'INVALID_INPUT'],
  [
    'a subscription',
    'subscription { assetStatusChanged(ids: ["Asset-9"]) { current } }',
    'NOT_FOUND',
  ],
])(
  'the error of %s has a request id, a hint and a link into the docs, over every transport',
  async ([, query, code]) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })

    const answers = [
      await overHttp(app, query, 'application/json'),
      await overHttp(app, query, 'text/event-stream'),
      await overWebSocket(app, query),
    ]

    for (const answer of answers) expect(answer).toMatchObject([{ extensions: extensionsOf(code) }])
  },
)

test('the error of a document that is not a persisted document has the same extensions', async () => {
  const manifest = join(temporaryFolder(), 'manifest.json')
  writeFileSync(manifest, JSON.stringify({ a: '{ __typename }' }))
  const app = await startApp({
    UPSTREAM_URL: 'http://127.0.0.1:1',
    PERSISTED_DOCUMENTS: manifest,
  })

  const answers = [
    await overHttp(app, '{ a: __typename }', 'application/json'),
    await overWebSocket(app, '{ a: __typename }'),
  ]

  for (const answer of answers) {
    expect(answer).toMatchObject([{ extensions: extensionsOf('PERSISTED_QUERY_NOT_FOUND') }])
  }
})

test('the error of a cached document has the same extensions', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
  const query = '{ asset(id: "no id") { id } }'
  await overHttp(app, query, 'application/json')

  const errors = await overHttp(app, query, 'application/json')

  expect(errors).toMatchObject([{ extensions: extensionsOf('INVALID_INPUT') }])
})

test.for<[what: string, path: string, init: RequestInit, code: string]>([
  ['an unknown path', '/nothing', {}, 'NOT_FOUND'],
  ['a body that is not JSON', '/graphql', { method: 'POST', body: '{' }, 'BAD_REQUEST'],
  [
    'a body that is too large',
    '/graphql',
    { method: 'POST', body: JSON.stringify({ query: 'a'.repeat(300_000) }) },
    'REQUEST_ENTITY_TOO_LARGE',
  ],
  ['an unknown method', '/graphql', { method: 'PUT', body: '{}' }, 'BAD_REQUEST'],
  [
    'two operations without a name',
    '/graphql',
    {
      method: 'POST',
      body: JSON.stringify({ query: 'query A { __typename } query B { a: __typename }' }),
    },
    'OPERATION_RESOLUTION_FAILURE',
  ],
])('the refusal of %s has the same extensions', async ([, path, init, code]) => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const headers = { 'content-type': 'application/json', 'x-request-id': ID }
  const response = await fetch(`${app.url}${path}`, { ...init, headers })

  expect(await response.json()).toMatchObject({ errors: [{ extensions: extensionsOf(code) }] })
})

test.for([
  ['a DateTime', '{ usage(from: "2030-01-01") { tasks } }', 15],
  ['a URL', 'mutation { createAsset(input: { groupId: "g", url: 7 }) { __typename } }', 52],
  [
    'a JSONObject',
    'mutation { createVideoTask(input: { prompt: "a", providerOptions: 7 }) { __typename } }',
    67,
  ],
] as const)('the error of %s in the document has its position', async ([, query, column]) => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const { errors } = await app.query(query)

  expect(errors).toMatchObject([{ locations: [{ line: 1, column }] }])
})

test('a response without errors has no request id', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  expect(await app.query('{ __typename }')).toEqual({ data: { __typename: 'Query' } })
})

function extensionsOf(code: string) {
  const requestId = expect.stringContaining(ID)
  const hint = expect.stringMatching(/^[A-Z].*\.$/)
  return { code, requestId, hint, docs: `docs/errors.md#${code.toLowerCase()}` }
}

/** The errors of the first response over HTTP. */
async function overHttp({ url }: TestApp, query: string, accept: string): Promise<Data[]> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${KEY}`,
      'x-request-id': ID,
      accept,
    },
    body: JSON.stringify({ query }),
  })
  const text = await response.text()
  const json = /^data: (\{.*"errors".*\})$/m.exec(text)?.[1] ?? text
  return JSON.parse(json).errors
}

/** The errors of the first response over a WebSocket. */
async function overWebSocket({ url }: TestApp, query: string): Promise<Data[]> {
  const peer = await open(url, { headers: { 'x-request-id': ID } })
  peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${KEY}` } })
  await peer.next({ type: 'connection_ack' })
  const [answer] = await peer.run(query)
  return answer?.payload.errors ?? answer?.payload
}
