import { expect, test } from 'vitest'
import { startApp, until } from './support/app.ts'
import { envelope, scriptUpstream } from './support/upstream.ts'

test('fields missing from the create response of 0-0 are filled from the input', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ method, path }) => {
    if (method !== 'POST') return undefined
    const id = path.includes('groups') ? 'group_id' : 'asset_id'
    return envelope({ [id]: 'bare-1', name: null })
  }
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`mutation {
    createAssetGroup(input: { name: "G", description: "D", projectName: "P" }) {
      ... on AssetGroup { id name description projectName status rawStatus createdAt }
    }
    createAsset(input: {
      groupId: "group-1", url: "https://example.com/a.mp4", type: VIDEO, name: "A"
    }) {
      ... on Asset { id name type url sourceUrl status rawStatus failureReason }
    }
  }`)

  expect(data?.createAssetGroup).toEqual({
    id: 'AssetGroup:JIMENG:bare-1',
    name: 'G',
    description: 'D',
    projectName: 'P',
    status: 'UNKNOWN',
    rawStatus: null,
    createdAt: null,
  })
  expect(data?.createAsset).toEqual({
    id: 'Asset:JIMENG:bare-1',
    name: 'A',
    type: 'VIDEO',
    url: 'https://example.com/a.mp4',
    sourceUrl: 'https://example.com/a.mp4',
    status: 'UNKNOWN',
    rawStatus: '',
    failureReason: null,
  })
})

test('fields in the create response of 0-0 take precedence over the input', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ method }) =>
    method === 'POST'
      ? envelope({ group_id: 'g', name: 'Theirs', description: 'Theirs', project_name: 'theirs' })
      : undefined
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`mutation {
    createAssetGroup(input: { name: "G", description: "D", projectName: "P" }) {
      ... on AssetGroup { name description projectName }
    }
  }`)

  expect(data?.createAssetGroup).toEqual({
    name: 'Theirs',
    description: 'Theirs',
    projectName: 'theirs',
  })
})

test('an optional field missing from both the input and the create response is null', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ method, path }) => {
    if (method !== 'POST') return undefined
    return envelope(path.includes('groups') ? { group_id: 'g' } : { asset_id: 'a' })
  }
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`mutation {
    createAssetGroup(input: { name: "G" }) { ... on AssetGroup { description projectName } }
    createAsset(input: { groupId: "group-1", url: "https://example.com/a.png" }) {
      ... on Asset { name type }
    }
  }`)

  expect(data?.createAssetGroup).toEqual({ description: null, projectName: null })
  expect(data?.createAsset).toEqual({ name: null, type: 'IMAGE' })
})

test('an asset without a group id has a null group, and no request is sent for the group', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => envelope({ asset_id: 'Asset-1', status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data, errors } = await app.query(
    '{ asset(id: "Asset-1") { sourceUrl failureReason group { id } } }',
  )

  expect(errors).toBeUndefined()
  expect(data?.asset).toEqual({ sourceUrl: null, failureReason: null, group: null })
  expect(upstream.calls).toHaveLength(1)
})

test('assetGroup.assets lists only assets of that group and platform, filtered by status', async () => {
  const upstream = await scriptUpstream()
  upstream.groups.add('group-2')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const create = async (group: string) => {
    const { data } = await app.query(
      `mutation ($group: ID!) { createAsset(
        input: { groupId: $group, url: "https://example.com/a.png" }
      ) { ... on Asset { assetId } } }`,
      { group },
    )
    return data?.createAsset.assetId
  }
  const mine = [await create('group-1'), await create('group-1')]
  await create('group-2')
  await create('AssetGroup:BYTEPLUS:group-1')
  upstream.assets.set(mine[0], { status: 'Active' })
  await until(async () => {
    const { data } = await app.query('{ assets(status: ACTIVE) { totalCount } }')
    return data?.assets.totalCount === 1
  })

  const { data } = await app.query(`{ assetGroup(id: "group-1") {
    all: assets { totalCount nodes { assetId } }
    active: assets(status: ACTIVE) { nodes { assetId } }
  } }`)

  expect(data?.assetGroup.all).toEqual({
    totalCount: 2,
    nodes: [{ assetId: mine[1] }, { assetId: mine[0] }],
  })
  expect(data?.assetGroup.active.nodes).toEqual([{ assetId: mine[0] }])
})

test('a task queried under two models is read once per model', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running', model: null })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`{
    a: videoTask(id: "cgt-1", model: "sora-2") { model }
    b: videoTask(id: "cgt-1", model: "seedance-2-0") { model }
    c: videoTask(id: "cgt-1", model: "sora-2") { model }
  }`)

  expect(data).toEqual({
    a: { model: 'sora-2' },
    b: { model: 'seedance-2-0' },
    c: { model: 'sora-2' },
  })
  expect(upstream.calls.map(({ query }) => query.model).toSorted()).toEqual([
    'seedance-2-0',
    'sora-2',
  ])
})

test('a group is read from 0-0 for every query, because it may change at any time', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  for (let round = 0; round < 2; round += 1) {
    await app.query('{ assetGroup(id: "group-1") { id } }')
  }

  expect(upstream.calls).toHaveLength(2)
})

test('a create without credentials is refused before its input is validated', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
  const fields = [
    'createAssetGroup(input: { name: " " }) { __typename }',
    'createAsset(input: { groupId: "no id", url: "x" }) { __typename }',
    'createVideoTask(input: { prompt: " " }) { __typename }',
  ]

  for (const field of fields) {
    const { errors } = await app.query(`mutation { ${field} }`, {}, null)
    expect(errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
  }
})

test('all issues of an asset group input are reported together, and nothing is sent to 0-0', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(
    `mutation ($description: String) { createAssetGroup(
      input: { name: " ", description: $description, idempotencyKey: "" }
    ) { ... on InvalidInputError { issues { path message } } } }`,
    { description: 'x'.repeat(301) },
  )

  expect(data?.createAssetGroup.issues).toEqual([
    { path: ['name'], message: 'The name is blank.' },
    { path: ['description'], message: 'The description is longer than 300 characters.' },
    {
      path: ['idempotencyKey'],
      message:
        'The key is blank, longer than 255 characters, has control characters or is not well-formed Unicode.',
    },
  ])
  expect(upstream.calls).toEqual([])
})

test('two groups with the same name are stored under different ids', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const create = 'mutation { createAssetGroup(input: { name: "G" }) { ... on AssetGroup { id } } }'

  const ids = [await app.query(create), await app.query(create)].map(
    ({ data }) => data?.createAssetGroup.id,
  )
  const { data } = await app.query('{ assetGroups { nodes { id } } }')

  expect(data?.assetGroups.nodes.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed())
  expect(new Set(ids).size).toBe(2)
})

test('a groupId of another type is the only issue of an otherwise valid asset input', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`mutation { createAsset(
    input: { groupId: "Asset:JIMENG:Asset-1", url: "https://example.com/a.png" }
  ) { ... on InvalidInputError { issues { path message } } } }`)

  expect(data?.createAsset.issues).toEqual([
    {
      path: ['groupId'],
      message: expect.stringMatching(/^Not an id of type AssetGroup\. Give "AssetGroup:JIMENG:…"/),
    },
  ])
})
