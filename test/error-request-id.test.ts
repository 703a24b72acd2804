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
])('the error of %s has the request id, over every transport', async ([, query, code]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const answers = [
    await overHttp(app, query, 'application/json'),
    await overHttp(app, query, 'text/event-stream'),
    await overWebSocket(app, query),
  ]

  for (const answer of answers) {
    expect(answer).toMatchObject([{ extensions: { code, requestId: expect.stringContaining(ID) } }])
  }
})

test('the error of a document that is not a persisted document has the request id', async () => {
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
    expect(answer).toMatchObject([{ extensions: { requestId: expect.stringContaining(ID) } }])
  }
})

test('a response without errors has no request id', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  expect(await app.query('{ __typename }')).toEqual({ data: { __typename: 'Query' } })
})

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
