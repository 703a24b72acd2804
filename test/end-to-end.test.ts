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
