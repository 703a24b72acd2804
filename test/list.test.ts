import { expect, test } from 'vitest'
import { startApp, type TestApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

async function registerAssets(app: TestApp, count: number): Promise<string[]> {
  const inputs = Array.from({ length: count }, (_, index) => ({
    groupId: 'group-1',
    url: `https://example.com/${index}.png`,
  }))
  const { data } = await app.query(
    'mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) { ... on Asset { assetId } } }',
    { inputs },
  )
  return data?.createAssets.map(({ assetId }: { assetId: string }) => assetId)
}

const PAGE = `query ($first: Int, $after: String, $last: Int, $before: String) {
  assets(first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { assetId } edges { cursor node { assetId } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`

test('a list is paged in both directions, newest first, and a new item does not shift later pages', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const [a, b, c, d, e] = await registerAssets(app, 5)
  const page = async (variables: Record<string, unknown>) => {
    const { assets } = (await app.query(PAGE, variables)).data ?? {}
    return { ...assets, ids: assets.nodes.map((node: { assetId: string }) => node.assetId) }
  }

  const first = await page({ first: 2 })
  await registerAssets(app, 1)
  const second = await page({ first: 2, after: first.pageInfo.endCursor })
  const third = await page({ first: 2, after: second.pageInfo.endCursor })
  const back = await page({ last: 2, before: third.pageInfo.startCursor })
  const end = await page({ last: 1 })

  expect(first).toMatchObject({ ids: [e, d], totalCount: 5 })
  expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
  expect(second).toMatchObject({ ids: [c, b], totalCount: 6 })
  expect(second.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true })
  expect(third.ids).toEqual([a])
  expect(third.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true })
  expect(back.ids).toEqual([c, b])
  expect(back.edges[0]).toEqual({
    cursor: back.pageInfo.startCursor,
    node: { assetId: c },
  })
  expect(end.ids).toEqual([a])
  expect(end.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true })
})

test('lists have the assets of the same key, filtered by status and type, without upstream requests', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const [, b] = await registerAssets(app, 2)
  upstream.assets.set(b ?? '', { status: 'Active' })
  await until(async () => {
    const { data } = await app.query('{ assets(status: ACTIVE) { totalCount } }')
    return data?.assets.totalCount === 1
  })
  upstream.assets.clear()
  await app.stop()
  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })
  const asked = upstream.callsTo('GET /v1/asset-groups').length

  const query = `{
    active: assets(status: ACTIVE) { nodes { assetId } }
    audio: assets(type: AUDIO) { totalCount }
    images: assets(type: IMAGE, first: 0) { totalCount nodes { assetId } }
    assetGroup(id: "group-1") { assets(status: PROCESSING) { totalCount } }
  }`
  const mine = await again.query(query)
  const theirs = await again.query('{ assets { totalCount } }', {}, 'sk-other')

  expect(mine.data).toEqual({
    active: { nodes: [{ assetId: b }] },
    audio: { totalCount: 0 },
    images: { totalCount: 2, nodes: [] },
    assetGroup: { assets: { totalCount: 1 } },
  })
  expect(theirs.data).toEqual({ assets: { totalCount: 0 } })
  expect(upstream.callsTo('GET /v1/asset-groups')).toHaveLength(asked + 1)
})

test('a cursor of another list is INVALID_INPUT, and the error names the argument', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await registerAssets(app, 1)
  const { data } = await app.query(PAGE)
  const cursor = data?.assets.pageInfo.endCursor

  const mine = await app.query(PAGE, { after: cursor })
  const theirs = await app.query(PAGE, { before: cursor }, 'sk-other')
  const old = await app.query(PAGE, { after: Buffer.from('position:1').toString('base64url') })

  expect(mine.data?.assets).toMatchObject({ nodes: [], totalCount: 1 })
  for (const [result, argument] of [
    [theirs, 'before'],
    [old, 'after'],
  ] as const) {
    expect(result.errors?.[0]).toMatchObject({
      message: expect.stringContaining(`${argument}: This is not a cursor of this list.`),
      extensions: { code: 'INVALID_INPUT' },
    })
  }
})

test('a list is filtered by several statuses and by a text, and sorted as asked', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await app.query(`mutation {
    createAssetGroup(input: { name: "Heroine 100%" }) { __typename }
    second: createAssetGroup(input: { name: "Hero" }) { __typename }
    third: createVideoTask(input: { prompt: "A CAT in Öl" }) { __typename }
    fourth: createVideoTask(input: { prompt: "A dog" }) { __typename }
  }`)
  const [, b] = await registerAssets(app, 2)
  upstream.assets.set(b ?? '', { status: 'Active' })
  await until(async () => {
    const { data } = await app.query('{ assets(status: ACTIVE) { totalCount } }')
    return data?.assets.totalCount === 1
  })

  const { data } = await app.query(`{
    literal: assetGroups(search: " 0% ") { totalCount nodes { name } }
    both: assetGroups(search: "HERO") { nodes { name } }
    active: assets(statuses: [ACTIVE, FAILED, ACTIVE]) { totalCount }
    none: assets(statuses: []) { totalCount nodes { id } }
    mismatch: assets(status: PROCESSING, statuses: [ACTIVE]) { totalCount }
    changed: assets(orderBy: RECENTLY_CHANGED_FIRST) { nodes { assetId } }
    cats: videoTasks(search: "cat in öL") { nodes { prompt } }
    oldest: videoTasks(orderBy: OLDEST_FIRST, statuses: [QUEUED, RUNNING]) { nodes { prompt } }
  }`)

  expect(data).toMatchObject({
    literal: { totalCount: 1, nodes: [{ name: 'Heroine 100%' }] },
    both: { nodes: [{ name: 'Hero' }, { name: 'Heroine 100%' }] },
    active: { totalCount: 1 },
    none: { totalCount: 0, nodes: [] },
    mismatch: { totalCount: 0 },
    changed: { nodes: [{ assetId: b }, {}] },
    cats: { nodes: [{ prompt: 'A CAT in Öl' }] },
    oldest: { nodes: [{ prompt: 'A CAT in Öl' }, { prompt: 'A dog' }] },
  })
})

test('a search text that is too long is INVALID_INPUT', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const search = async (length: number) =>
    app.query('query ($text: String) { assets(search: $text) { totalCount } }', {
      text: ` ${'x'.repeat(length)} `,
    })

  expect((await search(200)).data?.assets.totalCount).toBe(0)
  const nul = await app.query('{ assets(search: "a\\u0000%") { totalCount } }')
  expect(nul.data?.assets.totalCount).toBe(0)
  expect((await search(201)).errors?.[0]).toMatchObject({
    message: 'search: The text must have at most 200 characters.',
    extensions: { code: 'INVALID_INPUT' },
  })
})
