import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'
import { initiate } from './support/websocket.ts'

const deep = (levels: number) =>
  `{ assets(first: 1) { nodes { group ${'{ assets(first: 1) { nodes { group '.repeat(levels)} { id } ${'} } }'.repeat(levels)} } } }`
const aliases = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: __typename`).join(' ')} }`
const mutations = (count: number) =>
  `mutation { ${Array.from({ length: count }, (_, index) => `m${index}: createAssetGroup(input: { name: "G" }) { __typename }`).join(' ')} }`
/** Half of the directives are in a fragment. */
const directives = (count: number) =>
  `query A { ${Array.from({ length: Math.floor(count / 2) }, (_, index) => `...F @include(if: ${index % 2 === 0})`).join(' ')} } fragment F on Query { __typename ${'...G @skip(if: false) '.repeat(Math.ceil(count / 2))} } fragment G on Query { __typename }`

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
  ['directives', directives(101)],
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

/** Each fragment uses the next one twice, so the number of fields grows as 2 to the power of `levels`. */
const doubling = (levels: number, type: string, field: string) =>
  Array.from({ length: levels }, (_, level) =>
    level === levels - 1
      ? `fragment F${level} on ${type} { ${field} }`
      : `fragment F${level} on ${type} { ...F${level + 1} ...F${level + 1} }`,
  ).join(' ')

test.for([
  ['mutations', `mutation { ...F0 } ${doubling(100, 'Mutation', '__typename')}`],
  ['aliases', `{ ...F0 } ${doubling(100, 'Query', 'a: __typename')}`],
] as const)(
  '%s in nested fragments are counted without expanding the fragments',
  async ([bound, query]) => {
    const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
    const startedAt = performance.now()

    const { errors } = await app.query(query, {}, null)

    expect(errors?.map(({ extensions }) => extensions?.bound)).toContain(bound)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  },
)

test.for([
  [
    'creates',
    `mutation { ${[1, 2, 3]
      .map(
        (index) =>
          `m${index}: createAssets(inputs: [${Array(50).fill('{ groupId: "group-1", url: "https://example.com/" }').join(' ')}]) { __typename }`,
      )
      .join(' ')} }`,
    { MAX_TOKENS: '20000' },
  ],
  [
    'reads of a preview',
    `{ ${Array.from({ length: 60 }, (_, index) => `p${index}: previewVideoTask(input: { prompt: "A", resources: $r }) { submittable }`).join(' ')} }`.replace(
      /^/,
      'query ($r: [VideoResourceInput!]) ',
    ),
    { MAX_COMPLEXITY: '2000' },
  ],
] as const)('the complexity of %s grows with their number', async ([, query, settings]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...settings })
  const r = Array(9).fill({ role: 'REFERENCE', assetId: 'Asset-1' })

  const { errors } = await app.query(query, { r })

  expect(errors?.map(({ extensions }) => extensions?.bound)).toEqual(['complexity'])
  expect(upstream.calls).toEqual([])
})

test.for(TOO_MUCH)(
  'an operation above the limit of %s is refused over POST, GET, SSE and WebSocket, without upstream requests',
  async ([bound, query, variables]) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })

    const overPost = await app.query(query, variables)
    const overGet = /^(mutation|subscription)/.test(query)
      ? bound
      : await overQueryString(app, query, variables)
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
  ['directives', directives(100)],
] as const)('an operation at the limit of %s is executed', async ([, query]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  expect((await app.query(query)).errors).toBeUndefined()
})

test('the introspection query is within the limits', async () => {
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
] as const)('%s limits the arguments of a field', async ([name, query, message]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, [name]: '10' })

  const [result] = await app.subscribe(query).rest()

  expect(result?.errors?.[0]?.extensions?.code).toBe('INVALID_INPUT')
  expect(JSON.stringify(result?.errors)).toContain(message)
  expect(upstream.calls).toEqual([])
})

test('a body above MAX_BODY_BYTES is refused with 413, with Content-Length or chunked', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', MAX_BODY_BYTES: '1000' })
  const body = JSON.stringify({ query: '{ __typename }', variables: { filler: 'x'.repeat(2_000) } })
  const post = (content: BodyInit) =>
    fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: content,
      duplex: 'half',
    } as RequestInit)

  const withLength = await post(body)
  const chunked = await post(new Blob([body]).stream())

  expect([withLength.status, chunked.status]).toEqual([413, 413])
})

test('a batch of operations in one request is refused', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
  })

  expect(response.status).toBe(400)
})

test('with PUBLIC_SCHEMA=0 there is no introspection, no GraphiQL page and no suggestion', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', PUBLIC_SCHEMA: '0' })

  const introspection = await app.query('{ __schema { queryType { name } } }')
  const typo = await app.query('{ assetz(first: 1) { id } }')
  const argument = await app.query('query ($x: AssetStatuz) { assets(status: $x) { totalCount } }')
  const page = await fetch(`${app.url}/graphql`, { headers: { accept: 'text/html' } })

  expect(introspection.data).toBeUndefined()
  expect(introspection.errors?.[0]?.message).toMatch(/introspection/i)
  const variable = await app.query(
    'query ($s: AssetStatus) { assets(status: $s) { totalCount } }',
    {
      s: 'ACTIV',
    },
  )
  for (const { errors } of [typo, argument, variable]) {
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
  'with a manifest of %s, only its documents are executed, by id or by text',
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
    const byIdAlone = await operateById(app, 'abc')
    const refusedThere = app.subscribe('{ a: __typename }').rest()

    expect(byIdAlone).toMatchObject({ type: 'next', payload: { data: { __typename: 'Query' } } })
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

test('an invalid manifest prevents the service from starting', async () => {
  const path = join(temporaryFolder(), 'manifest.json')
  writeFileSync(path, '[]')

  await expect(
    startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', PERSISTED_DOCUMENTS: path }),
  ).rejects.toThrow(path)
})

/** Sends only the id of a document over a WebSocket. Returns the first message of the response. */
async function operateById(app: TestApp, documentId: string): Promise<unknown> {
  const peer = await initiate(app.url)
  peer.send({ id: '1', type: 'subscribe', payload: { documentId } })
  return peer.next({ id: '1' })
}

async function overQueryString(app: TestApp, query: string, variables?: Data): Promise<string> {
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
