import { created, explain, isError } from '../shared/errors.ts'
import {
  assetInputs,
  groupInput,
  print,
  refusedGroupInputs,
  timelinePrinter,
  videoInput,
} from '../shared/story.ts'
import { request, subscribe } from './client.ts'
import {
  AssetStatusesDocument,
  AssetsDocument,
  type AssetsQuery,
  CancelVideoDocument,
  ChangesDocument,
  CreateAssetsDocument,
  CreateGroupDocument,
  CreateVideoDocument,
  TimelineDocument,
  type VideoPartsFragment,
  VideosDocument,
} from './gql/graphql.ts'

const { promise: videosRead, resolve: onVideosRead } = Promise.withResolvers<unknown>()

// #region changes
/** The list of videos by id, oldest first. It takes the place of a cache. */
const videos = new Map<string, VideoPartsFragment>()
const { promise: finished, resolve: onFinished } = Promise.withResolvers<void>()

async function keepFresh(): Promise<void> {
  const onGap = () => onVideosRead(readVideos())
  for await (const { changes } of subscribe(ChangesDocument, {}, onGap)) {
    const { node } = changes
    if (node.__typename !== 'VideoTask') continue
    videos.set(node.id, node)
    if (node.status === 'SUCCEEDED') onFinished()
  }
}

/** Reads the list when changes may have been missed, also after the first connection. */
async function readVideos(): Promise<void> {
  const { videoTasks } = await request(VideosDocument, {})
  for (const { node } of videoTasks.edges.toReversed()) videos.set(node.id, node)
}
// #endregion

void keepFresh()
await videosRead

const group = created((await request(CreateGroupDocument, { input: groupInput })).createAssetGroup)
print('group', group.name, group.status)
for (const input of refusedGroupInputs) {
  const { createAssetGroup: result } = await request(CreateGroupDocument, { input })
  if (isError(result)) print('refused', explain(result))
}

const registered = await request(CreateAssetsDocument, { inputs: assetInputs(group.id) })
const assets = registered.createAssets.map(created)
for (const asset of assets) print('asset', asset.name, asset.status)

const input = videoInput(assets[0]?.id)
const video = created((await request(CreateVideoDocument, { input })).createVideoTask)
print('video', video.status)

await Promise.all([watchAssets(assets.map(({ id }) => id)), followTimeline(video.id)])

const { cancelVideoTask: result } = await request(CancelVideoDocument, { id: video.id })
if (isError(result)) print('refused', explain(result))

for await (const { name, status } of readAssets()) print('listed', name, status)
await finished
for (const { prompt, status } of videos.values()) print('kept fresh', prompt, status)
// Ends the event stream of `changes` too.
process.exit()

/** Resolves when every asset is ACTIVE or FAILED. */
async function watchAssets(ids: string[]): Promise<void> {
  await Array.fromAsync(subscribe(AssetStatusesDocument, { ids }))
}

async function followTimeline(id: string): Promise<void> {
  const show = timelinePrinter()
  for await (const { videoTaskTimeline } of subscribe(TimelineDocument, { id })) {
    show(videoTaskTimeline)
  }
}

// #region pages
/** The items of the list. Requests the next page when the items of a page have been used. */
async function* readAssets() {
  for (let after: string | null = null, hasNext = true; hasNext; ) {
    const { assets }: AssetsQuery = await request(AssetsDocument, { first: 2, after })
    for (const { node } of assets.edges) yield node
    after = assets.pageInfo.endCursor
    hasNext = assets.pageInfo.hasNextPage
  }
}
// #endregion
