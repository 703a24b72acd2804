import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const deep = (levels: number) =>
  `{ assets(first: 1) { nodes { group ${'{ assets(first: 1) { nodes { group '.repeat(levels)} { id } ${'} } }'.repeat(levels)} } } }`
const aliases = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: __typename`).join(' ')} }`
const mutations = (count: number) =>
  `mutation { ${Array.from({ length: count }, (_, index) => `m${index}: createAssetGroup(input: { name: "G" }) { __typename }`).join(' ')} }`

const TOO_MUCH: [bound: string, query: string, variables?: Data][] = [
  ['tokens', `{ ${'a '.repeat(2_100)} }`],
  [
    'depth',
    `subscription { assetStatusChanged(ids: ["Asset-1"]) { asset { group ${'{ assets { nodes { group '.repeat(3)} { id } ${'} } }'.repeat(3)} } } }`,
  ],
  ['depth', deep(3)],
  ['aliases', aliases(61)],
  ['aliases', `{ ...A } fragment A on Query { ${aliases(61).slice(2, -2)} }`],
  ['mutations', mutations(6)],
  [
    'complexity',
    '{ assetGroups(first: 100) { nodes { assets(first: 100) { nodes { id name } } } } }',
  ],
  [
    'complexity',
    'query ($n: Int) { assetGroups(first: $n) { nodes { assets(first: $n) { nodes { id name } } } } }',
    { n: 100 },
  ],
]

test.for(TOO_MUCH)(
  'too much of %s is refused over POST, GET, SSE and WebSocket alike, and 0-0 is asked nothing',
  async ([bound, query, variables]) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })

    const overPost = await app.query(query, variables)
    const overGet = query.startsWith('mutation')
      ? bound
      : await overTheAddress(app, query, variables)
    const overSse = await overEventStream(app, query, variables)
    const overSocket = await app
      .subscribe(query, variables)
      .rest()
      .catch((error) => ({ errors: error }))

    for (const answer of [overPost, overGet, overSse, overSocket]) {
      const text = JSON.stringify(answer)
      expect(text).toContain(bound)
      expect(text).not.toContain('"__typename"')
    }
    expect(upstream.calls).toEqual([])
  },
)

test.for([
  ['depth', deep(2)],
  ['aliases', aliases(60)],
  ['mutations', mutations(5)],
] as const)('as much of %s as is allowed is served', async ([, query]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  expect((await app.query(query)).errors).toBeUndefined()
})

test('what GraphiQL asks of the schema is within the bounds', async () => {
  const { getIntrospectionQuery } = await import('graphql')
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const { errors, data } = await app.query(getIntrospectionQuery(), {}, null)

  expect(errors).toBeUndefined()
  expect(data?.__schema.types.length).toBeGreaterThan(20)
})

test.for([
  ['MAX_PAGE_SIZE', '{ assets(first: 11) { totalCount } }', 'between 0 and 10'],
  [
    'MAX_SUBSCRIPTION_IDS',
    `subscription { assetStatusChanged(ids: [${'"Asset-1" '.repeat(11)}]) { current } }`,
    'between 1 and 10',
  ],
] as const)('%s bounds what one field may ask for', async ([name, query, message]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, [name]: '10' })

  const [result] = await app.subscribe(query).rest()

  expect(result?.errors?.[0]?.extensions?.code).toBe('INVALID_INPUT')
  expect(JSON.stringify(result?.errors)).toContain(message)
  expect(upstream.calls).toEqual([])
})

test('a body over the bound is refused with 413, however its length is told', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', MAX_BODY_BYTES: '1000' })
  const body = JSON.stringify({ query: '{ __typename }', variables: { filler: 'x'.repeat(2_000) } })
  const post = (content: BodyInit) =>
    fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: content,
      duplex: 'half',
    } as RequestInit)

  const told = await post(body)
  const chunked = await post(new Blob([body]).stream())

  expect([told.status, chunked.status]).toEqual([413, 413])
})

test('several operations in one request are refused', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
  })

  expect(response.status).toBe(400)
})

test('PUBLIC_SCHEMA=0 hides the schema: no introspection, no page, no suggestions', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', PUBLIC_SCHEMA: '0' })

  const introspection = await app.query('{ __schema { queryType { name } } }')
  const typo = await app.query('{ assetz(first: 1) { id } }')
  const argument = await app.query('query ($x: AssetStatuz) { assets(status: $x) { totalCount } }')
  const page = await fetch(`${app.url}/graphql`, { headers: { accept: 'text/html' } })

  expect(introspection.data).toBeUndefined()
  expect(introspection.errors?.[0]?.message).toMatch(/introspection/i)
  for (const { errors } of [typo, argument]) {
    expect(errors?.length).toBeGreaterThan(0)
    expect(JSON.stringify(errors)).not.toMatch(/did you mean/i)
  }
  expect(await page.text()).not.toContain('<html')
})

test.for([
  ['Relay', { abc: '{ __typename }' }],
  [
    'Apollo Client',
    {
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id: 'abc', name: 'Q', type: 'query', body: '{ __typename }' }],
    },
  ],
] as const)(
  "with a manifest of %s's only its documents are admitted, by id or text",
  async ([, manifest]) => {
    const path = join(temporaryFolder(), 'manifest.json')
    writeFileSync(path, JSON.stringify(manifest))
    const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', PERSISTED_DOCUMENTS: path })
    const post = async (body: object) => {
      const response = await fetch(`${app.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return (await response.json()) as Data
    }
    const hash = { persistedQuery: { version: 1, sha256Hash: 'abc' } }

    const admitted = await Promise.all([
      post({ documentId: 'abc' }),
      post({ doc_id: 'abc' }),
      post({ id: 'abc' }),
      post({ extensions: hash }),
      post({ query: '{ __typename }' }),
    ])
    const refused = await Promise.all([post({ id: 'xyz' }), post({ query: '{ a: __typename }' })])
    const overSocket = await app.subscribe('{ __typename }').rest()
    const refusedThere = app.subscribe('{ a: __typename }').rest()

    for (const { data } of [...admitted, ...overSocket])
      expect(data).toEqual({ __typename: 'Query' })
    for (const { errors } of refused) {
      expect(errors[0].extensions.code).toBe('PERSISTED_QUERY_NOT_FOUND')
    }
    await expect(refusedThere).rejects.toMatchObject([
      { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ])
  },
)

test('a manifest that is none keeps the service from starting', async () => {
  const path = join(temporaryFolder(), 'manifest.json')
  writeFileSync(path, '[]')

  await expect(
    startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', PERSISTED_DOCUMENTS: path }),
  ).rejects.toThrow(path)
})

async function overTheAddress(app: TestApp, query: string, variables?: Data): Promise<string> {
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables ?? {}) })
  const response = await fetch(`${app.url}/graphql?${parameters}`, {
    headers: { accept: 'application/json', authorization: 'Bearer sk-test' },
  })
  return response.text()
}

async function overEventStream(app: TestApp, query: string, variables?: Data): Promise<string> {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: 'Bearer sk-test',
    },
    body: JSON.stringify({ query, variables }),
  })
  return response.text()
}
