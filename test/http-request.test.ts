import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { startApp, type TestApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const UPSTREAM_URL = 'http://127.0.0.1:1'
const QUERY = JSON.stringify({ query: '{ __typename }' })

test.for([
  'application/json',
  'Application/JSON',
  'application/json; charset=utf-8',
  'APPLICATION/JSON;Charset=UTF-8',
  'application/json ; charset=utf-8',
])('a POST of type %s is executed', async (type) => {
  const app = await startApp({ UPSTREAM_URL })

  const response = await post(app, QUERY, { 'content-type': type })

  expect(await response.json()).toEqual({ data: { __typename: 'Query' } })
})

test.for([
  'text/plain',
  'text/plain; application/json',
  'text/plain, application/json',
  'application/x-www-form-urlencoded; x=application/json',
  'application/jsonp',
  'xapplication/json',
  'application/graphql+json',
  'application/graphql',
  '',
])('a POST of type "%s" is refused with 415', async (type) => {
  const app = await startApp({ UPSTREAM_URL })

  const response = await post(app, QUERY, { 'content-type': type })

  expect(response.status).toBe(415)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
})

test.for(['gzip', 'GZIP', 'br', 'identity, gzip'])(
  'a body with Content-Encoding "%s" is refused with 415 and Accept-Encoding: identity',
  async (coding) => {
    const app = await startApp({ UPSTREAM_URL })

    const response = await post(app, gzipSync(QUERY), { 'content-encoding': coding })

    expect(response.status).toBe(415)
    expect(response.headers.get('accept-encoding')).toBe('identity')
  },
)

test.for(['text/html', 'image/*', 'application/xml', 'application/json; charset=iso-8859-1'])(
  'a create that accepts only %s is refused with 406 before anything is sent to 0-0',
  async (accept) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })
    const query = 'mutation { createAssetGroup(input: { name: "Cats" }) { __typename } }'

    const response = await post(app, JSON.stringify({ query }), {
      accept,
      authorization: 'Bearer sk-test',
    })

    expect(response.status).toBe(406)
    expect(upstream.callsTo('POST ')).toEqual([])
  },
)

test.for(['*/*', 'application/*', 'text/event-stream', 'text/html, application/json;q=0.1'])(
  'a POST that accepts %s is executed',
  async (accept) => {
    const app = await startApp({ UPSTREAM_URL })

    const response = await post(app, QUERY, { accept })

    expect(response.status).toBe(200)
    expect(await response.text()).toContain('{"data":{"__typename":"Query"}}')
  },
)

test('a body with Content-Encoding identity is executed', async () => {
  const app = await startApp({ UPSTREAM_URL })

  const response = await post(app, QUERY, { 'content-encoding': 'identity' })

  expect(await response.json()).toEqual({ data: { __typename: 'Query' } })
})

test.for(['{"query": "secret-1', 'secret-1', '"secret-1"', '', '1', 'null', '{}', '{"query":""}'])(
  'the body %s is refused with 400, and is in neither the response nor the log',
  async (body) => {
    const app = await startApp({ UPSTREAM_URL })

    for (const accept of ['application/json', 'application/graphql-response+json', '*/*']) {
      const response = await post(app, body, { accept })
      const text = await response.text()

      expect(response.status).toBe(400)
      expect(JSON.parse(text).errors[0].extensions.code).toBe('BAD_REQUEST')
      expect(text).not.toContain('secret')
    }
    expect(JSON.stringify(app.log)).not.toContain('secret')
  },
)

test.for([
  '',
  '?query=',
  '?query={__typename}&variables={secret-1',
  '?query={__typename}&extensions=x',
])('GET /graphql%s is refused with 400', async (search) => {
  const app = await startApp({ UPSTREAM_URL })

  const response = await fetch(`${app.url}/graphql${search}`, {
    headers: { accept: 'application/json' },
  })
  const text = await response.text()

  expect(response.status).toBe(400)
  expect(JSON.parse(text).errors[0].extensions.code).toBe('BAD_REQUEST')
  expect(text).not.toContain('secret')
})

test('GET accepts variables and an operation name', async () => {
  const app = await startApp({ UPSTREAM_URL })
  const search = new URLSearchParams({
    query: 'query A($a: Boolean!) { a: __typename @include(if: $a) } query B { b: __typename }',
    variables: '{"a":true}',
    operationName: 'A',
  })

  const response = await fetch(`${app.url}/graphql?${search}`)

  expect(await response.json()).toEqual({ data: { a: 'Query' } })
})

function post(
  { url }: TestApp,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
}
