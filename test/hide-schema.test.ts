import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp } from './support/app.ts'
import { initiate } from './support/websocket.ts'

const UPSTREAM_URL = 'http://127.0.0.1:1'
const CASES = [
  ['a field of a query', '{ assetz(first: 1) { totalCount } }', {}],
  ['a field of a subscription', 'subscription { assetStatusChangd(ids: ["a"]) { current } }', {}],
  [
    'an enum value in a variable of a query',
    'query ($p: Platform!) { asset(id: "a", platform: $p) { id } }',
    { p: 'JIMENGG' },
  ],
  [
    'an enum value in a variable of a mutation',
    'mutation ($i: CreateAssetGroupInput!) { createAssetGroup(input: $i) { __typename } }',
    { i: { name: 'G', platform: 'JIMENGG' } },
  ],
  [
    'an enum value in a variable of a subscription',
    'subscription ($p: Platform!) { assetStatusChanged(ids: ["a"], platform: $p) { current } }',
    { p: 'JIMENGG' },
  ],
] as const

test.for(CASES)('PUBLIC_SCHEMA=0 hides the right spelling of %s', async ([, query, variables]) => {
  const open = await startApp({ UPSTREAM_URL })
  const hidden = await startApp({ UPSTREAM_URL, PUBLIC_SCHEMA: '0' })

  for (const send of [overHttp, overEventStream, overWebSocket]) {
    expect(await send(open, query, variables)).toMatch(/did you mean/i)
    const answer = await send(hidden, query, variables)
    expect(answer).toMatch(/"message"/)
    expect(answer).not.toMatch(/did you mean/i)
  }
})

test.for(['{ __schema { queryType { name } } }', '{ __type(name: "Asset") { name } }'])(
  'with PUBLIC_SCHEMA=0, %s is refused over every transport',
  async (query) => {
    const app = await startApp({ UPSTREAM_URL, PUBLIC_SCHEMA: '0' })

    for (const send of [overHttp, overEventStream, overWebSocket]) {
      expect(await send(app, query, {})).toMatch(/GRAPHQL_VALIDATION_FAILED/)
    }
  },
)

function overHttp(app: TestApp, query: string, variables: Data): Promise<string> {
  return post(app, query, variables, 'application/json')
}

function overEventStream(app: TestApp, query: string, variables: Data): Promise<string> {
  return post(app, query, variables, 'text/event-stream')
}

async function post({ url }: TestApp, query: string, variables: Data, accept: string) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test', accept },
    body: JSON.stringify({ query, variables }),
  })
  return response.text()
}

async function overWebSocket({ url }: TestApp, query: string, variables: Data): Promise<string> {
  const peer = await initiate(url)
  peer.send({ id: '1', type: 'subscribe', payload: { query, variables } })
  return JSON.stringify(await peer.next({ id: '1' }))
}
