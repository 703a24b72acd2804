import { expect, test } from 'vitest'
import { startApp } from './support/app.ts'

/** The first paragraph of the README, from an empty service to a clip, with the sandbox in place of 0-0. */
test('a registered image becomes ACTIVE and a video is created from it', async () => {
  const app = await startApp()
  const group = await app.query(
    'mutation { createAssetGroup(input: { name: "Heroine" }) { ... on AssetGroup { id } } }',
  )
  const registered = await app.query(
    `mutation ($groupId: ID!, $url: URL!) {
      createAsset(input: { groupId: $groupId, url: $url, name: "Front" }) { ... on Asset { id status } }
    }`,
    {
      groupId: group.data?.createAssetGroup.id,
      url: `${app.sandboxUrl}/samples/portrait.png`,
    },
  )
  const { id: assetId, status } = registered.data?.createAsset ?? {}

  const assetChanges = await app
    .subscribe('subscription ($id: ID!) { assetStatusChanged(ids: [$id]) { current } }', {
      id: assetId,
    })
    .rest()
  const created = await app.query(
    `mutation ($assetId: ID!) {
      createVideoTask(input: {
        prompt: "She smiles", duration: 4, resolution: "480p", ratio: "1:1"
        resources: [{ role: FIRST_FRAME, assetId: $assetId }]
      }) { ... on VideoTask { id } ... on Error { message } }
    }`,
    { assetId },
  )
  const { id: taskId } = created.data?.createVideoTask ?? {}
  const taskChanges = await app
    .subscribe(
      `subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) {
        current videoTask { video { url } usage { totalTokens } failureReason }
      } }`,
      { id: taskId },
    )
    .rest()
  const everything = await app.query(`{
    assetGroups { nodes { name assets { nodes { id name status } } } }
    videoTasks { nodes { id status resources { asset { name group { name } } } } }
  }`)

  expect(status).toBe('PROCESSING')
  expect(assetChanges.map(({ data }) => data?.assetStatusChanged.current)).toEqual([
    'PROCESSING',
    'ACTIVE',
  ])
  const changes = taskChanges.map(({ data }) => data?.videoTaskStatusChanged)
  expect(changes.map(({ current }) => current)).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED'])
  const { video, usage } = changes.at(-1).videoTask
  const clip = await fetch(video.url, { headers: { range: 'bytes=4-7' } })
  expect([clip.status, clip.headers.get('content-type')]).toEqual([206, 'video/mp4'])
  expect(await clip.text()).toBe('ftyp')
  // The price of four seconds at 480p (upstream-api 3.6).
  expect(usage.totalTokens).toBe(38_720)
  expect(everything.data).toEqual({
    assetGroups: {
      nodes: [
        { name: 'Heroine', assets: { nodes: [{ id: assetId, name: 'Front', status: 'ACTIVE' }] } },
      ],
    },
    videoTasks: {
      nodes: [
        {
          id: taskId,
          status: 'SUCCEEDED',
          resources: [{ asset: { name: 'Front', group: { name: 'Heroine' } } }],
        },
      ],
    },
  })
}, 60_000)

test('a video is created from the URLs of two files in one call', async () => {
  const app = await startApp()
  const files = ['portrait.png', 'landscape.jpg'].map((name, index) => ({
    url: `${app.sandboxUrl}/samples/${name}`,
    role: index === 0 ? 'FIRST_FRAME' : 'LAST_FRAME',
  }))
  const input = {
    prompt: 'She walks out into the street',
    duration: 4,
    resolution: '480p',
    files,
    idempotencyKey: 'order-4711',
  }
  const query = `mutation ($input: CreateVideoFromUrlsInput!) { createVideoFromUrls(input: $input) {
    ... on VideoTask { id status } ... on Error { message }
  } }`

  const created = await app.query(query, { input })
  const { id, status } = created.data?.createVideoFromUrls ?? {}
  const changes = await app
    .subscribe(
      `subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) {
        current videoTask { video { url } failureReason }
      } }`,
      { id },
    )
    .rest()
  const repeated = await app.query(query, { input })
  const everything = await app.query(
    '{ assetGroups { nodes { name assets { totalCount } } } videoTasks { totalCount } }',
  )

  expect(status).toBe('WAITING_FOR_ASSETS')
  const last = changes.at(-1)?.data?.videoTaskStatusChanged
  expect(last).toMatchObject({ current: 'SUCCEEDED', videoTask: { failureReason: null } })
  expect(last.videoTask.video.url).toMatch(/\.mp4$/)
  expect(repeated).toEqual({
    data: { createVideoFromUrls: { id, status: 'SUCCEEDED' } },
    extensions: { replayed: true },
  })
  expect(everything.data).toEqual({
    assetGroups: { nodes: [{ name: 'She walks out into the street', assets: { totalCount: 2 } }] },
    videoTasks: { totalCount: 1 },
  })
}, 60_000)
