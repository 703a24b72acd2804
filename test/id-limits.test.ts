import { expect, test } from 'vitest'
import { type Data, startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

test('nodes accepts at most 100 ids', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const nodes = (count: number) =>
    app.query('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: Array(count).fill('Asset:JIMENG:Asset-1'),
    })

  const most = await nodes(100)
  const more = await nodes(101)

  expect(most.data?.nodes).toEqual(Array(100).fill({ id: 'Asset:JIMENG:Asset-1' }))
  expect(more.errors?.[0]?.extensions).toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path: ['ids'], message: 'At most 100 ids.' }],
  })
})

test('createAssets accepts at most 50 inputs', { timeout: 60_000 }, async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const create = (count: number) =>
    app.query(
      'mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) { __typename } }',
      { inputs: Array(count).fill({ groupId: 'group-1', url: 'https://example.com/a.png' }) },
    )

  const most = await create(50)
  const sent = upstream.callsTo('POST').length
  const more = await create(51)

  expect(most.data?.createAssets).toEqual(Array(50).fill({ __typename: 'Asset' }))
  expect(sent).toBe(50)
  expect(more.errors?.[0]?.extensions).toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path: ['inputs'], message: 'At most 50 assets can be created at once.' }],
  })
  expect(upstream.callsTo('POST')).toHaveLength(50)
})

test('a subscription accepts from 1 to 500 ids', { timeout: 60_000 }, async () => {
  const upstream = await scriptUpstream()
  for (let index = 0; index < 501; index += 1) {
    upstream.assets.set(`Asset-${index}`, { status: 'Active' })
  }
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscribe = async (count: number): Promise<Data[]> => {
    const ids = Array.from({ length: count }, (_, index) => `Asset-${index}`)
    const query = 'subscription ($ids: [ID!]!) { assetStatusChanged(ids: $ids) { current } }'
    return app.subscribe(query, { ids }).rest()
  }

  const most = await subscribe(500)
  const more = await subscribe(501)
  const none = await subscribe(0)

  expect(most).toEqual(Array(500).fill({ data: { assetStatusChanged: { current: 'ACTIVE' } } }))
  for (const [refused] of [more, none]) {
    expect(refused?.errors?.[0]?.extensions).toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path: ['ids'], message: 'Give between 1 and 500 ids.' }],
    })
  }
})

test.for([
  ['asset(id: "AssetGroup:JIMENG:group-1") { id }', 'Asset'],
  ['assetGroup(id: "Asset:JIMENG:Asset-1") { id }', 'AssetGroup'],
  ['asset(id: "VideoTask:cgt-1") { id }', 'Asset'],
  ['videoTask(id: "Asset:JIMENG:Asset-1") { id }', 'VideoTask'],
])('%s is refused, because it accepts only ids of type %s', async ([field, type]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { errors } = await app.query(`{ ${field} }`)

  expect(errors?.[0]?.extensions).toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path: ['id'], message: expect.stringMatching(`^Not an id of type ${type}\\.`) }],
  })
  expect(upstream.calls).toEqual([])
})

test('the error of node for an invalid id has an example of a global id', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const { errors } = await app.query('{ node(id: "Asset-1") { id } }')

  expect(errors?.[0]?.extensions?.issues).toEqual([
    { path: ['id'], message: 'Not a global id, such as "Asset:JIMENG:…".' },
  ])
})
