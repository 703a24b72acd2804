import { expect, test } from 'vitest'
import { startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

test('an asset is found by its bare id and by its global id', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`{
    bare: asset(id: "Asset-1") { id assetId platform name type status rawStatus url createdAt }
    global: asset(id: "Asset:JIMENG:Asset-1", platform: BYTEPLUS) { id }
    node(id: "Asset:JIMENG:Asset-1") { __typename id }
  }`)

  expect(data).toEqual({
    bare: {
      id: 'Asset:JIMENG:Asset-1',
      assetId: 'Asset-1',
      platform: 'JIMENG',
      name: 'Asset Asset-1',
      type: 'IMAGE',
      status: 'ACTIVE',
      rawStatus: 'Active',
      url: 'https://cdn.example.com/a.png',
      createdAt: '2024-04-30T02:40:00.000Z',
    },
    global: { id: 'Asset:JIMENG:Asset-1' },
    node: { __typename: 'Asset', id: 'Asset:JIMENG:Asset-1' },
  })
  expect(upstream.calls).toHaveLength(1)
})

test('a bare id is looked up on the given platform', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query('{ asset(id: "Asset-1", platform: BYTEPLUS) { id } }')

  expect(data?.asset.id).toBe('Asset:BYTEPLUS:Asset-1')
  expect(upstream.calls[0]?.query).toMatchObject({ platform: 'BYTEPLUS', model: 'seedance-2-0' })
})

test('an entity unknown to 0-0 is null without an error', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const result = await app.query(`{
    asset(id: "Asset-9") { id }
    assetGroup(id: "group-9") { id }
    videoTask(id: "cgt-9") { id }
    node(id: "VideoTask:cgt-9") { id }
    nodes(ids: ["Asset:JIMENG:Asset-9"]) { id }
  }`)

  const nothing = { asset: null, assetGroup: null, videoTask: null, node: null, nodes: [null] }
  expect(result).toEqual({ data: nothing })
})

test.for([
  ['asset(id: "../asset-groups") { id }', 'id'],
  ['asset(id: "VideoTask:cgt-1") { id }', 'id'],
  ['asset(id: "Asset:MARS:Asset-1") { id }', 'id'],
  ['videoTask(id: "Asset:JIMENG:Asset-1") { id }', 'id'],
  ['node(id: "Asset-1") { id }', 'id'],
  ['assets(first: 101) { totalCount }', 'first'],
  ['assets(first: -1) { totalCount }', 'first'],
  ['assets(first: 1, last: 1) { totalCount }', 'last'],
  ['assets(after: "elsewhere") { totalCount }', 'after'],
])('%s is INVALID_INPUT and sends nothing to 0-0', async ([field, argument]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { errors } = await app.query(`{ ${field} }`)

  expect(errors?.[0]?.extensions).toMatchObject({
    code: 'INVALID_INPUT',
    retryable: false,
    issues: [{ path: [argument] }],
  })
  expect(upstream.calls).toEqual([])
})

test('an invalid id does not fail the other ids of the list', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data, errors } = await app.query(
    '{ nodes(ids: ["Asset:JIMENG:Asset-1", "nonsense", "AssetGroup:JIMENG:group-1"]) { __typename } }',
  )

  expect(data?.nodes).toEqual([{ __typename: 'Asset' }, null, { __typename: 'AssetGroup' }])
  expect(errors).toHaveLength(1)
  expect(errors?.[0]?.path).toEqual(['nodes', 1])
})

test('a failed link is null with an error on its path, and its parent is returned', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.intercept = ({ path }) =>
    path.startsWith('/v1/asset-groups') ? { status: 502, body: '<html>oops</html>' } : undefined
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data, errors } = await app.query('{ asset(id: "Asset-1") { status group { id } } }')

  expect(data).toEqual({ asset: { status: 'ACTIVE', group: null } })
  expect(errors).toHaveLength(1)
  expect(errors?.[0]).toMatchObject({
    path: ['asset', 'group'],
    extensions: { code: 'UPSTREAM_UNAVAILABLE', retryable: true },
  })
  expect(JSON.stringify(errors)).not.toContain('html')
})

test('without a key introspection works, and fields that need 0-0 are UNAUTHENTICATED and send nothing', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const fields = [
    'asset(id: "Asset-1") { id }',
    'assetGroup(id: "group-1") { id }',
    'videoTask(id: "cgt-1") { id }',
    'node(id: "Asset:JIMENG:Asset-1") { id }',
    'assets { totalCount }',
    'assetGroups { totalCount }',
    'videoTasks { totalCount }',
    'previewVideoTask(input: { prompt: "A cat" }) { submittable }',
  ]

  const schema = await app.query('{ __schema { queryType { name } } }', undefined, null)
  const answers = await Promise.all(fields.map((field) => app.query(`{ ${field} }`, {}, null)))
  const created = await app.query(
    'mutation { createAssetGroup(input: { name: "G" }) { __typename } }',
    undefined,
    null,
  )

  expect(schema.data).toEqual({ __schema: { queryType: { name: 'Query' } } })
  for (const { errors } of [...answers, created]) {
    expect(errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
  }
  expect(upstream.calls).toEqual([])
})

test('a key that 0-0 rejects is a top-level UNAUTHENTICATED error, also for a create', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => ({ status: 401, body: { detail: 'invalid api key' } })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const read = await app.query('{ asset(id: "Asset-1") { id } }')
  const created = await app.query(
    'mutation { createAssetGroup(input: { name: "G" }) { __typename } }',
  )

  expect(read.errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
  expect(created.errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
})

test('an undocumented status is UNKNOWN with the original value in rawStatus', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Frozen' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query('{ asset(id: "Asset-1") { status rawStatus } }')

  expect(data?.asset).toEqual({ status: 'UNKNOWN', rawStatus: 'Frozen' })
})

test('a task created elsewhere is read with the given model', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running', progress: '40%' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(
    '{ videoTask(id: "cgt-1", model: "sora-2") { id taskId model status progress prompt resources { role } } }',
  )

  expect(upstream.calls[0]?.query).toEqual({ model: 'sora-2' })
  expect(data?.videoTask).toEqual({
    id: 'VideoTask:cgt-1',
    taskId: 'cgt-1',
    model: 'sora-2',
    status: 'RUNNING',
    progress: 40,
    prompt: null,
    resources: [],
  })
})
