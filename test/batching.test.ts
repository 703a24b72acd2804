import { expect, test } from 'vitest'
import { startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

test('fifty aliases of one asset and its group cost two upstream requests', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const fields = Array.from(
    { length: 50 },
    (_, index) => `a${index}: asset(id: "Asset-1") { status group { name } }`,
  )

  const { data, errors } = await app.query(`{ ${fields.join(' ')} }`)

  expect(errors).toBeUndefined()
  expect(data?.a49).toEqual({ status: 'ACTIVE', group: { name: 'Group group-1' } })
  expect(upstream.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/assets/Asset-1',
    'GET /v1/asset-groups/group-1',
  ])
})

test('twenty assets in four groups cost twenty-four upstream requests, in two batches', async () => {
  const upstream = await scriptUpstream()
  for (let index = 0; index < 20; index += 1) {
    upstream.groups.add(`group-${index % 4}`)
    upstream.assets.set(`Asset-${index}`, { status: 'Active', group: `group-${index % 4}` })
  }
  const batch = heldBack(20, '/v1/assets/')
  upstream.intercept = batch.hold
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const ids = Array.from(upstream.assets.keys(), (id) => `Asset:JIMENG:${id}`)

  const { data } = await app.query(
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Asset { group { groupId } } } }',
    { ids },
  )

  // All twenty assets were requested before the first response: the requests are concurrent.
  expect(batch.complete()).toBe(true)
  expect(data?.nodes).toHaveLength(20)
  expect(upstream.callsTo('GET /v1/assets/')).toHaveLength(20)
  expect(upstream.callsTo('GET /v1/asset-groups/')).toHaveLength(4)
})

test('an asset selected again deeper in the document is not read again', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, TERMINAL_TTL_SECONDS: '0.001' })
  await app.query(`mutation { createVideoTask(input: {
    prompt: "A cat", resources: [{ role: FIRST_FRAME, assetId: "Asset-1" }]
  }) { __typename } }`)
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const before = upstream.callsTo('GET /v1/assets/').length

  const { data } = await app.query(`{
    asset(id: "Asset-1") { status }
    videoTask(id: "cgt-2") { resources { asset { status } } }
  }`)

  expect(data?.videoTask.resources).toEqual([{ asset: { status: 'PROCESSING' } }])
  expect(upstream.callsTo('GET /v1/assets/')).toHaveLength(before + 1)
})

test.each([
  ['0', 3],
  ['300', 1],
])(
  'with TERMINAL_TTL_SECONDS=%s, three queries of an ACTIVE asset cost %i upstream requests',
  async (ttl, reads) => {
    const upstream = await scriptUpstream()
    upstream.assets.set('Asset-1', { status: 'Active' })
    const app = await startApp({ UPSTREAM_URL: upstream.url, TERMINAL_TTL_SECONDS: ttl })

    for (let query = 0; query < 3; query += 1)
      await app.query('{ asset(id: "Asset-1") { status } }')

    expect(upstream.callsTo('GET /v1/assets/')).toHaveLength(reads)
  },
)

test('concurrent operations that read one asset with the same key share one upstream request', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  upstream.assets.set('Asset-2', { status: 'Processing' })
  const bothAsked = upstream.nextCall('GET /v1/assets/Asset-2')
  upstream.intercept = async ({ path }) => {
    if (path.endsWith('Asset-1')) await bothAsked
    return undefined
  }
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const firstAsked = upstream.nextCall('GET /v1/assets/Asset-1')
  const first = app.query('{ asset(id: "Asset-1") { status } }')
  await firstAsked
  const second = app.query(
    '{ asset(id: "Asset-1") { status } other: asset(id: "Asset-2") { status } }',
  )

  expect((await first).data?.asset).toEqual((await second).data?.asset)
  expect(upstream.callsTo('GET /v1/assets/Asset-1')).toHaveLength(1)
})

test('operations with different keys never share an upstream response', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const query = '{ asset(id: "Asset-1") { status } }'

  await Promise.all([app.query(query, {}, 'sk-one'), app.query(query, {}, 'sk-two')])
  await app.query(query, {}, 'sk-three')

  const keys = upstream.calls.map(({ headers }) => headers.authorization)
  expect(keys.sort()).toEqual(['Bearer sk-one', 'Bearer sk-three', 'Bearer sk-two'])
})

test('an asset in a terminal status is served from the cache, other assets are read again', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.assets.set('Asset-2', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const query = '{ done: asset(id: "Asset-1") { status } open: asset(id: "Asset-2") { status } }'

  await app.query(query)
  upstream.assets.set('Asset-2', { status: 'Active' })
  const { data } = await app.query(query)

  expect(data).toEqual({ done: { status: 'ACTIVE' }, open: { status: 'ACTIVE' } })
  expect(upstream.callsTo('GET /v1/assets/Asset-1')).toHaveLength(1)
  expect(upstream.callsTo('GET /v1/assets/Asset-2')).toHaveLength(2)
})

/** Delays responses to paths that begin with `prefix` until `count` of them are requested, or for one second. */
function heldBack(count: number, prefix: string) {
  const all = Promise.withResolvers<undefined>()
  let asked = 0
  setTimeout(() => all.resolve(undefined), 1_000).unref()
  return {
    complete: () => asked === count,
    hold({ path }: { path: string }) {
      if (!path.startsWith(prefix)) return undefined
      asked += 1
      if (asked === count) all.resolve(undefined)
      return all.promise
    },
  }
}
