import { expect, test } from 'vitest'
import { KEY, startApp, type TestApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const ASSET = 'query A($id: ID!, $p: Platform) { asset(id: $id, platform: $p) { name status } }'
const TWO = 'query One { __typename } query Two { a: __typename b: __typename }'
const CREATE = `mutation C($name: String!) {
  createAssetGroup(input: { name: $name }) { __typename ... on Error { code message } }
}`
const NAMED = `mutation N($name: String!) {
  createAssetGroup(input: { name: $name, idempotencyKey: "one" }) {
    __typename ... on AssetGroup { name } ... on Error { message }
  }
}`
const LONG = `{ ${Array.from({ length: 50 }, (_, i) => `alias${i}: __typename`).join(' ')} }`

/** Requests whose document is cached, as they are sent: a body, and headers beside those of every request. */
const REQUESTS: [name: string, body: object, headers?: Record<string, string>][] = [
  ['a query', { query: '{ __typename }' }],
  ['a query with variables', { query: ASSET, variables: { id: 'Asset-1' } }],
  ['a default value of an argument', { query: '{ asset(id: "Asset-1") { platform } }' }],
  ['an explicit null variable', { query: ASSET, variables: { id: 'Asset-1', p: null } }],
  ['a missing variable', { query: ASSET, variables: {} }],
  ['a variable of the wrong type', { query: ASSET, variables: { id: { a: 1 } } }],
  ['an unused variable', { query: ASSET, variables: { id: 'Asset-1', other: 1 } }],
  ['an unknown entity', { query: ASSET, variables: { id: 'Asset-unknown' } }],
  ['an invalid id', { query: ASSET, variables: { id: '../x' } }],
  ['an error in a nullable field', { query: '{ a: asset(id: "!") { id } __typename }' }],
  ['an error in a required field', { query: '{ assets(first: -1) { totalCount } }' }],
  ['the first of two operations', { query: TWO, operationName: 'One' }],
  ['the second of two operations', { query: TWO, operationName: 'Two' }],
  ['no operation name for two operations', { query: TWO }],
  ['an unknown operation name', { query: TWO, operationName: 'Three' }],
  ['a mutation with an invalid input', { query: CREATE, variables: { name: '' } }],
  ['a replayed create', { query: NAMED, variables: { name: 'Replayed' } }],
  ['a text that is not ASCII', { query: NAMED, variables: { name: 'Grüße, 漢字, ☃' } }],
  ['a subscription', { query: 'subscription { assetStatusChanged(ids: []) { current } }' }],
  ['too many nodes', { query: '{ nodes(ids: ["a"]) { id } }', variables: null }],
  ['no credentials', { query: '{ assets { totalCount } }' }, { authorization: '' }],
  ['a long response', { query: LONG }],
  ['a long response with gzip', { query: LONG }, { 'accept-encoding': 'gzip' }],
  ['extensions', { query: '{ __typename }', extensions: { a: 1 } }],
  ['an unknown parameter', { query: '{ __typename }', id: null, other: 1 }],
  [
    'another media type',
    { query: '{ __typename }' },
    { accept: 'application/graphql-response+json' },
  ],
  ['any media type', { query: '{ __typename }' }, { accept: '*/*' }],
  [
    'an error with another media type',
    { query: ASSET, variables: {} },
    { accept: 'application/graphql-response+json' },
  ],
  ['two media types', { query: TWO }, { accept: 'text/html, application/json;q=0.5' }],
  ['no accepted media type', { query: '{ __typename }' }, { accept: 'text/html' }],
  ['a page of another site', { query: '{ __typename }' }, { origin: 'https://app.example.com' }],
]

test.for(REQUESTS)('the response to %s is the same with and without Yoga', async (request) => {
  const [, body, headers = {}] = request
  const upstream = await scriptUpstream()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    CORS_ORIGINS: 'https://app.example.com',
  })
  // The first response puts the document into the cache.
  await post(app, body, headers)

  const direct = await post(app, body, headers)
  // Only Yoga serves requests with this header. With 0 it changes nothing.
  const byYoga = await post(app, body, { ...headers, 'x-zerograph-cost': '0' })

  expect(direct).toEqual(byYoga)
})

/** The parts of a response that must be the same. Which hops it takes and its date may differ. */
async function post({ url }: TestApp, body: object, headers: Record<string, string>) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${KEY}`,
      'x-request-id': 'one',
      ...headers,
    },
    body: JSON.stringify(body),
  })
  const others = ['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']
  const kept = [...response.headers].filter(([name]) => !others.includes(name))
  return { status: response.status, headers: Object.fromEntries(kept), body: await response.text() }
}
