import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { type ExecutionResult, getIntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { type Data, KEY, startApp, temporaryFolder, until } from './support/app.ts'
import { randomDocument } from './support/random-document.ts'
import { scriptUpstream } from './support/upstream.ts'
import { initiate } from './support/websocket.ts'

const NO_UPSTREAM = { UPSTREAM_URL: 'http://127.0.0.1:1' }

/** The response over HTTP. It contains the cost unless `headers` says otherwise. */
async function askForCost(
  { url }: { url: string },
  query: string,
  variables: Data = {},
  headers: Record<string, string> = { 'x-zerograph-cost': '1' },
): Promise<ExecutionResult<Data>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
    body: JSON.stringify({ query, variables }),
  })
  return (await response.json()) as ExecutionResult<Data>
}

const boundsOf = ({ errors = [] }: ExecutionResult) =>
  errors.map(({ extensions }) => extensions?.bound)

const GROUP = 'id groupId platform name description projectName status rawStatus createdAt'
const ASSET = 'id assetId name status rawStatus url sourceUrl type failureReason createdAt'
const PAGE = 'totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }'
const ids = (count: number, kind = 'Asset:JIMENG:Asset') =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`)

test.for<[what: string, query: string, variables?: Data]>([
  [
    'a board of 100 groups with 20 assets each',
    '{ assetGroups(first: 100) { nodes { id name status assets(first: 20) { nodes { id name status url type failureReason } } } } }',
  ],
  [
    '100 groups with 20 assets each, with every field, cursors and counts',
    `{ assetGroups(first: 100) { ${PAGE} edges { cursor node { ${GROUP} assets(first: 20) { ${PAGE} edges { cursor node { ${ASSET} } } } } } } }`,
  ],
  [
    '100 tasks with the assets of their resources and the groups of those assets',
    `{ videoTasks(first: 100) { ${PAGE} edges { cursor node { id status progress prompt video { url } failureReason resources { type role url asset { ${ASSET} group { ${GROUP} } } } } } } }`,
  ],
  [
    '490 reads from 0-0',
    `query ($n: [ID!]!) { ${[1, 2, 3, 4, 5].map((n) => `n${n}: nodes(ids: $n) { id }`).join(' ')} }`,
    { n: ids(98, 'no id') },
  ],
  ['the introspection query of GraphiQL', getIntrospectionQuery()],
])('%s is within the default bounds', async ([, query, variables]) => {
  const app = await startApp(NO_UPSTREAM)

  const result = await askForCost(app, query, variables)

  expect(boundsOf(result)).not.toContain('complexity')
  expect(boundsOf(result)).not.toContain('depth')
})

test('a subscription to 500 assets is within the default bounds', async () => {
  const app = await startApp(NO_UPSTREAM)

  const first = await app
    .subscribe(
      'subscription ($ids: [ID!]!) { assetStatusChanged(ids: $ids) { previous current observedAt asset { id url group { id } } } }',
      { ids: ids(500) },
    )
    .next()

  expect(first.errors?.map(({ extensions }) => extensions?.code)).toEqual(['UPSTREAM_UNAVAILABLE'])
})

/** Documents that can cause 501 reads from 0-0 and select few fields. */
test.for<[what: string, query: string, variables?: Data]>([
  [
    'nodes',
    `query ($n: [ID!]!, $one: [ID!]!) { ${[1, 2, 3, 4, 5].map((n) => `n${n}: nodes(ids: $n) { id }`).join(' ')} one: nodes(ids: $one) { id } }`,
    { n: ids(100), one: ids(1) },
  ],
  [
    'groups of listed assets',
    `{ ${[1, 2, 3, 4, 5].map((n) => `n${n}: assets(first: 100) { nodes { group { id } } }`).join(' ')} one: asset(id: "A") { id } }`,
  ],
  [
    'groups of listed assets, with the size in a variable',
    `query ($n: Int) { ${[1, 2, 3, 4, 5].map((n) => `n${n}: assets(last: $n) { edges { node { group { id } } } }`).join(' ')} one: asset(id: "A") { id } }`,
    { n: 100 },
  ],
  [
    'assets read by previews',
    `query ($r: [VideoResourceInput!]) { ${[...Array(42).keys()].map((n) => `p${n}: previewVideoTask(input: { prompt: "A", resources: $r }) { submittable }`).join(' ')} }`,
    { r: ids(12).map((assetId) => ({ role: 'REFERENCE', assetId })) },
  ],
])('more than 500 reads from 0-0 are refused: %s', async ([, query, variables]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const result = await askForCost(app, query, variables)

  expect(boundsOf(result)).toEqual(['complexity'])
  expect(upstream.calls).toEqual([])
})

test.for<[what: string, query: string, cost: number, variables?: Data]>([
  ['a field costs a tenth', '{ __typename a: __typename b: __typename }', 1],
  [
    'the cost is rounded up',
    `{ ${[...Array(11).keys()].map((n) => `a${n}: __typename`).join(' ')} }`,
    2,
  ],
  ['a read from 0-0 costs 20', '{ asset(id: "A") { id } }', 21],
  ['two reads cost 40', '{ asset(id: "A") { group { id } } }', 41],
  [
    'a page costs its query, its rows and their fields',
    '{ assets(first: 30) { nodes { id name } } }',
    10 + 30 + 7,
  ],
  ['a page has the default size', '{ assets { nodes { id } } }', 10 + 20 + 3],
  ['an empty page costs its query', '{ assets(first: 0) { nodes { id } } }', 11],
  ['a page has at most 100 rows', '{ assets(first: 5000) { nodes { id } } }', 10 + 100 + 11],
  [
    'nodes and edges of one page cost its rows once',
    '{ assets(first: 30) { nodes { id } edges { node { id } } } }',
    10 + 30 + 10,
  ],
  ['the count of a list costs one query', '{ assets(first: 1) { totalCount } }', 21],
  ['a summary of the usage costs as much as a create', '{ usage { tasks } }', 101],
  [
    'a row that is read with those of other items costs two',
    '{ assets(first: 30) { nodes { nextCheckAfter } } }',
    10 + 30 + 60 + 1,
  ],
  ['pageInfo counts once per page', '{ assets(first: 100) { pageInfo { hasNextPage } } }', 111],
  [
    'the same field in two fragments counts once',
    '{ ...A ...B } fragment A on Query { asset(id: "A") { id } } fragment B on Query { asset(id: "A") { id } }',
    21,
  ],
  [
    'the same field with different subfields is merged',
    '{ asset(id: "A") { id } asset(id: "A") { group { id } } }',
    41,
  ],
  [
    'a skipped field costs nothing',
    'query ($s: Boolean!) { asset(id: "A") @skip(if: $s) { id } __typename }',
    1,
    { s: true },
  ],
  [
    'a field that is not skipped counts',
    'query ($s: Boolean!) { asset(id: "A") @skip(if: $s) { id } __typename }',
    21,
    { s: false },
  ],
  [
    'a fragment that is not included costs nothing',
    '{ ... @include(if: false) { asset(id: "A") { id } } __typename }',
    1,
  ],
  [
    'an interface costs as much as its most expensive type',
    '{ node(id: "x") { ... on Asset { group { id } } ... on VideoTask { id } } }',
    41,
  ],
  [
    'fragments on an interface count',
    '{ node(id: "x") { ... on Node { ... on Asset { group { id } } } } }',
    41,
  ],
  [
    'an omitted variable counts as its default',
    'query ($n: Int = 50) { assets(first: $n) { nodes { id } } }',
    10 + 50 + 6,
  ],
  [
    'a null variable counts as the default page size',
    'query ($n: Int = 50) { assets(first: $n) { nodes { id } } }',
    10 + 20 + 3,
    { n: null },
  ],
  [
    'ten empty id lists cost only their fields',
    `{ ${[...Array(10).keys()].map((n) => `a${n}: nodes(ids: []) { __typename }`).join(' ')} }`,
    2,
  ],
  [
    'a negative page size does not lower the cost',
    '{ assets(first: -100) { nodes { group { id } } } asset(id: "A") { id } }',
    51,
  ],
  [
    'of fragments on exclusive types only the most expensive counts',
    `{ node(id: "x") { ... on Asset { ${[...Array(10).keys()].map((n) => `a${n}: name`).join(' ')} } ... on AssetGroup { ${[...Array(10).keys()].map((n) => `b${n}: name`).join(' ')} } } }`,
    21,
  ],
  [
    'fragments that double without adding a field cost nothing',
    `{ ...F0 } ${[...Array(30).keys()].map((n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`).join(' ')} fragment F30 on Query { __typename }`,
    1,
  ],
  ['one id instead of a list counts as one read', '{ nodes(ids: "x") { id } }', 21],
  ['two resources per task', '{ videoTask(id: "x") { resources { asset { id } } } }', 20 + 41],
])('%s', async ([, query, cost, variables]) => {
  const app = await startApp(NO_UPSTREAM)

  const { extensions } = await askForCost(app, query, variables)

  expect(extensions).toEqual({ cost: { requested: cost, limit: 10_000 } })
})

test('an operation at the cost limit is executed, one above it is refused', async () => {
  const query = '{ asset(id: "A") { id } }'
  const allowed = await startApp({ ...NO_UPSTREAM, MAX_COMPLEXITY: '21' })
  const refused = await startApp({ ...NO_UPSTREAM, MAX_COMPLEXITY: '20' })

  expect(boundsOf(await allowed.query(query))).toEqual([undefined])
  expect(boundsOf(await refused.query(query))).toEqual(['complexity'])
})

test('creates, subscribed ids and the reads of a create have fixed costs', async () => {
  const app = await startApp({ ...NO_UPSTREAM, MAX_COMPLEXITY: '1' })
  const one = '{ groupId: "g", url: "https://example.com/" }'
  const requested = async (query: string) => (await askForCost(app, query)).extensions?.cost as Data

  const costs = await Promise.all([
    requested('mutation { createAssetGroup(input: { name: "G" }) { __typename } }'),
    requested(`mutation { createAsset(input: ${one}) { __typename } }`),
    requested(`mutation { createAssets(inputs: [${one} ${one}]) { __typename } }`),
    requested(
      'mutation { createVideoTask(input: { prompt: "A", resources: [{ role: REFERENCE, assetId: "A" }] }) { __typename } }',
    ),
    requested(
      'mutation { createVideoFromUrls(input: { prompt: "A", files: [{ url: "https://example.com/", role: FIRST_FRAME }] }) { __typename } }',
    ),
    requested('mutation { cancelVideoTask(id: "A") { __typename } }'),
    requested('subscription { assetStatusChanged(ids: ["A", "B"]) { current } }'),
    requested('subscription { videoTaskStatusChanged(ids: ["A", "B"]) { current } }'),
    requested('subscription { assetGroupStatusChanged(id: "A") { current } }'),
  ])

  expect(costs.map(({ requested }) => requested)).toEqual([101, 101, 201, 121, 301, 31, 21, 21, 21])
})

test('the cost is reported on request over HTTP and WebSocket, also for subscriptions and refused operations', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_COMPLEXITY: '100' })
  const peer = await initiate(app.url)
  const run = async (id: string, query: string, extensions?: object) => {
    peer.send({ id, type: 'subscribe', payload: { query, extensions } })
    return (await peer.next({ id })).payload.extensions
  }
  const small = '{ assets(first: 1) { nodes { id } } }'
  const large = '{ assets(first: 100) { nodes { id } } }'
  const subscription = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }'
  const asked = { 'x-zerograph-cost': 1 }

  expect((await askForCost(app, small)).extensions).toEqual({ cost: { requested: 12, limit: 100 } })
  expect((await askForCost(app, large)).extensions).toEqual({
    cost: { requested: 121, limit: 100 },
  })
  expect((await askForCost(app, small, {}, {})).extensions).toBeUndefined()
  expect((await askForCost(app, small, {}, { 'x-zerograph-cost': '0' })).extensions).toBeUndefined()
  expect(await run('1', small, asked)).toEqual({ cost: { requested: 12, limit: 100 } })
  expect(await run('2', large, asked)).toEqual({ cost: { requested: 121, limit: 100 } })
  expect(await run('3', subscription, asked)).toEqual({ cost: { requested: 11, limit: 100 } })
  expect(await run('4', small)).toBeUndefined()
  expect(await run('5', subscription)).toBeUndefined()
})

test('a skipped field with an invalid argument does not bypass the limits', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_TOKENS: '5000' })
  const skipped = 'n: nodes(ids: $ids) @skip(if: true) { id }'
  const expensive = '{ assets(first: 100) { nodes { group { id } } } }'
  const deep = `{ asset(id: "A") { group ${'{ assets { nodes { group '.repeat(4)} { id } ${'} } }'.repeat(4)} } }`
  const document = (body: string) => `query ($ids: [ID!] = ["x"]) { ${skipped} ${body.slice(1)}`
  const repeated = `{ ${[1, 2, 3, 4, 5].map((n) => `a${n}: ${expensive.slice(2, -2)}`).join(' ')} }`

  expect(boundsOf(await app.query(document(repeated), { ids: null }))).toEqual(['complexity'])
  expect(boundsOf(await app.query(document(deep), { ids: null }))).toContain('depth')
  expect(upstream.calls).toEqual([])
})

test('an operation whose cost cannot be computed is refused', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const list = 'query ($ids: [ID!] = ["x"]) { asset(id: "Asset-1") { id } nodes(ids: $ids) { id } }'
  const condition = 'query ($is: Boolean = true) { asset(id: "Asset-1") @include(if: $is) { id } }'
  const reserved = 'query ($__proto__: Int = 5) { assets(first: $__proto__) { nodes { id } } }'

  const results = await Promise.all([
    app.query(list, { ids: null }),
    app.query(condition, { is: null }),
    app.query(reserved, JSON.parse('{ "__proto__": 1 }')),
  ])

  for (const { data, errors } of results) {
    expect(data).toBeUndefined()
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['BAD_USER_INPUT'])
  }
  expect(upstream.calls).toEqual([])
})

test('invalid variables are BAD_USER_INPUT and send nothing to 0-0', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_COMPLEXITY: '1' })
  const query = 'query ($id: ID!) { asset(id: $id) { id } }'

  const results = [await app.query(query), await app.query(query, { id: { a: 1 } })]

  for (const { errors } of results) {
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['BAD_USER_INPUT'])
  }
  expect(upstream.calls).toEqual([])
})

/** A fragment on a group that spreads `next` through nodes and `other` through edges. */
const fork = (name: string, next: string, other = next) =>
  `fragment ${name} on AssetGroup { id assets { nodes { group { ${next} } } edges { node { group { ${other} } } } } }`
/** 2^levels paths, all through the same fragments. */
const doubling = (levels: number) =>
  Array.from({ length: levels }, (_, level) =>
    fork(`F${level}`, level === levels - 1 ? 'id' : `...F${level + 1}`),
  ).join(' ')
/** 2^levels paths, each through a different combination of fragments. */
const combining = (levels: number) =>
  Array.from({ length: levels }, (_, level) => {
    const isLast = level === levels - 1
    const next = `...F${level + 1}`
    return [
      fork(`F${level}`, isLast ? 'id' : next, isLast ? 'id' : `${next} ...G${level}_${level + 1}`),
      ...Array.from({ length: level }, (_, start) =>
        fork(`G${start}_${level}`, isLast ? 'id' : `...G${start}_${level + 1}`),
      ),
    ].join(' ')
  }).join(' ')

test.for([
  ['that double the fields at each level', doubling(40), 'points of complexity'],
  ['that combine differently at each level', combining(14), 'more fields than can be counted'],
])('fragments %s are refused within a second', async ([, fragments, message]) => {
  const app = await startApp({ ...NO_UPSTREAM, MAX_TOKENS: '10000' })
  const query = `{ assetGroup(id: "x") { ...F0 } } ${fragments}`
  await app.query(query.replace('F0', 'Unknown'))
  const startedAt = performance.now()

  const { errors } = await app.query(query)

  expect(JSON.stringify(errors)).toContain(message)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

test('introspection counts towards the cost limit', async () => {
  const app = await startApp(NO_UPSTREAM)
  const fields = [...Array(58).keys()].map(
    (n) => `a${n}: fields { name type { name fields { name } } }`,
  )

  const result = await app.query(`{ __schema { types { ${fields.join(' ')} } } }`, {}, null)

  expect(boundsOf(result)).toEqual(['complexity'])
})

test('reads for tasks with more files than estimated are limited during execution', async () => {
  const { app, reads } = await startWithTwoTasks({ TERMINAL_TTL_SECONDS: '0.001' })
  const before = reads()

  const { data, errors } = await app.query(
    '{ videoTasks(first: 2) { nodes { resources { asset { assetId } } } } }',
  )

  const files = data?.videoTasks.nodes.flatMap(({ resources }: Data) => resources)
  expect(files.filter(({ asset }: Data) => asset !== null)).toHaveLength(15)
  expect(reads()).toBe(before + 15)
  expect(errors).toHaveLength(3)
  expect(errors?.[0]).toMatchObject({
    message: expect.stringContaining('more than 15 reads'),
    extensions: { code: 'INVALID_INPUT' },
  })
})

test('a value from the cache does not count as a read', async () => {
  const { app, reads } = await startWithTwoTasks({})
  const before = reads()

  const { data, errors } = await app.query(
    '{ videoTasks(first: 2) { nodes { resources { asset { assetId } } } } }',
  )

  expect(errors).toBeUndefined()
  expect(data?.videoTasks.nodes.map(({ resources }: Data) => resources.length)).toEqual([9, 9])
  expect(reads()).toBe(before)
})

/** Two tasks with nine different files each; the limit allows 15 reads per operation. */
async function startWithTwoTasks(settings: Record<string, string>) {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_COMPLEXITY: '300', ...settings })
  for (const task of ['A', 'B']) {
    const assets = ids(9, `Asset-${task}`)
    for (const asset of assets) upstream.assets.set(asset, { status: 'Active' })
    const { data } = await app.query(
      'mutation ($r: [VideoResourceInput!]) { createVideoTask(input: { prompt: "A", resources: $r }) { __typename } }',
      { r: assets.map((assetId) => ({ role: 'REFERENCE', assetId })) },
    )
    expect(data?.createVideoTask.__typename).toBe('VideoTask')
  }
  return { app, reads: () => upstream.callsTo('GET /v1/assets/').length }
}

test('no executed document costs more than its reported cost or the limit', {
  timeout: 120_000,
}, async () => {
  const limit = 300
  const { app, upstream, known } = await startWithResources(limit)
  const seen = { executed: 0, refused: 0, notCoerced: 0, calling: 0 }

  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(10_000), { minLength: 50, maxLength: 400 }),
      async (numbers) => {
        const { query, variables } = randomDocument(numbers, known)
        const requestId = randomUUID()

        const {
          data,
          errors = [],
          extensions,
        } = await askForCost(app, query, variables, {
          'x-zerograph-cost': '1',
          'x-request-id': requestId,
        })

        // An operation that ends early can still make calls while the next one runs.
        const calls = upstream.calls.filter(
          ({ headers }) => headers['x-request-id'] === requestId,
        ).length
        if (data === undefined) {
          expect(calls).toBe(0)
          expect(errors).not.toEqual([])
          for (const { extensions } of errors) {
            expect(['INVALID_INPUT', 'BAD_USER_INPUT']).toContain(extensions?.code)
          }
          if (extensions) seen.refused += 1
          else seen.notCoerced += 1
          return
        }
        const { requested } = (extensions as { cost: { requested: number } }).cost
        const { fields, depth } = sizeOf(data)
        // A read costs 20, of which 0.1 is already counted for its field.
        expect(fields * 0.1 + calls * 19.9).toBeLessThanOrEqual(requested)
        expect(requested).toBeLessThanOrEqual(limit)
        expect(depth).toBeLessThanOrEqual(10)
        seen.executed += 1
        seen.calling += calls > 0 ? 1 : 0
      },
    ),
    { numRuns: 400 },
  )

  expect(Math.min(...Object.values(seen))).toBeGreaterThan(30)
})

/** Four groups with four assets each, and eight tasks with two files each. All are terminal, so nothing polls. */
async function startWithResources(complexity: number) {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ path }) =>
    path.endsWith('/forgotten')
      ? { body: { code: 400, msg: 'NotFound.asset_id', data: null } }
      : undefined
  const dataDir = temporaryFolder()
  const settings = { UPSTREAM_URL: upstream.url, DATA_DIR: dataDir, TERMINAL_TTL_SECONDS: '0.001' }
  const setup = await startApp(settings)
  const create = async (name: string, type: string, input: Data): Promise<string> => {
    const { data } = await setup.query(
      `mutation ($input: Create${type}Input!) { ${name}(input: $input) { ... on Node { id } } }`,
      { input },
    )
    return data?.[name].id
  }
  const groups: string[] = []
  const assets: string[] = []
  const tasks: string[] = []
  for (const name of ['A', 'B', 'C', 'D']) {
    const groupId = await create('createAssetGroup', 'AssetGroup', { name })
    groups.push(groupId)
    for (const url of [1, 2, 3, 4].map((n) => `https://example.com/${name}${n}.png`)) {
      assets.push(await create('createAsset', 'Asset', { groupId, url }))
    }
  }
  for (const asset of upstream.assets.values()) asset.status = 'Active'
  for (let index = 0; index < 8; index += 1) {
    const resources = assets
      .slice(index * 2, index * 2 + 2)
      .map((assetId) => ({ role: 'REFERENCE', assetId }))
    tasks.push(await create('createVideoTask', 'VideoTask', { prompt: 'A', resources }))
  }
  for (const task of upstream.tasks.values()) task.status = 'succeeded'
  await until(async () => {
    const { data } = await setup.query(
      '{ assets(status: PROCESSING) { totalCount } videoTasks(status: QUEUED) { totalCount } }',
    )
    return data?.assets.totalCount + data?.videoTasks.totalCount === 0
  })
  await setup.stop()
  const app = await startApp({ ...settings, MAX_COMPLEXITY: String(complexity) })
  return {
    app,
    upstream,
    known: [...groups, ...assets, ...tasks, 'Asset:JIMENG:forgotten', 'none'],
  }
}

/** The number of fields in a response, and their depth. */
function sizeOf(value: unknown): { fields: number; depth: number } {
  if (typeof value !== 'object' || value === null) return { fields: 0, depth: 0 }
  const parts = Object.values(value).map(sizeOf)
  const isList = Array.isArray(value)
  return {
    fields: parts.reduce((sum, { fields }) => sum + fields, isList ? 0 : parts.length),
    depth: Math.max(0, ...parts.map(({ depth }) => depth)) + (isList ? 0 : 1),
  }
}
