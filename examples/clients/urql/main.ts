import type { AnyVariables, OperationResult, OperationResultSource } from 'urql'
import { created, explain, isError } from '../shared/errors.ts'
import {
  AssetStatusesDocument,
  AssetsDocument,
  CancelVideoDocument,
  ChangesDocument,
  type ChangesSubscription,
  CreateAssetsDocument,
  CreateGroupDocument,
  CreateVideoDocument,
  TimelineDocument,
  VideosDocument,
} from '../shared/gql/graphql.ts'
import { createSocket } from '../shared/socket.ts'
import {
  assetInputs,
  groupInput,
  print,
  refusedGroupInputs,
  timelinePrinter,
  videoInput,
} from '../shared/story.ts'
import { createUrqlClient } from './client.ts'

const { promise: videosRead, resolve: onVideosRead } = Promise.withResolvers<unknown>()
const socket = createSocket(readVideos)

// #region changes
const client = createUrqlClient(socket, {
  Subscription: {
    // The cache updates entities that it has by itself. New ones must be added to the lists in which they belong.
    changes({ changes: { isNew, node } }: ChangesSubscription, _args, cache) {
      if (!isNew || node.__typename !== 'VideoTask') return
      cache.updateQuery({ query: VideosDocument }, (list) => {
        if (!list || list.videoTasks.edges.some((edge) => edge.node.id === node.id)) return list
        const edge = { __typename: 'VideoTaskEdge' as const, cursor: '', node }
        const edges = [edge, ...list.videoTasks.edges]
        return { ...list, videoTasks: { ...list.videoTasks, edges } }
      })
    },
  },
})
const changes = client.subscription(ChangesDocument, {}).subscribe(() => {})

/** Reads the list when changes may have been missed, also after the first connection. */
function readVideos() {
  onVideosRead(client.query(VideosDocument, {}, { requestPolicy: 'network-only' }).toPromise())
}
// #endregion

await videosRead

const { data: groupData } = await client.mutation(CreateGroupDocument, { input: groupInput })
const group = created(groupData?.createAssetGroup)
print('group', group.name, group.status)
for (const input of refusedGroupInputs) {
  const { data } = await client.mutation(CreateGroupDocument, { input })
  if (data && isError(data.createAssetGroup)) print('refused', explain(data.createAssetGroup))
}

const inputs = assetInputs(group.id)
const { data: assetData } = await client.mutation(CreateAssetsDocument, { inputs })
const assets = assetData?.createAssets.map(created) ?? []
for (const asset of assets) print('asset', asset.name, asset.status)

const input = videoInput(assets[0]?.id)
const { data: videoData } = await client.mutation(CreateVideoDocument, { input })
const video = created(videoData?.createVideoTask)
print('video', video.status)

await Promise.all([watchAssets(assets.map(({ id }) => id)), followTimeline(video.id)])

const { data: cancelData } = await client.mutation(CancelVideoDocument, { id: video.id })
const result = cancelData?.cancelVideoTask
if (result && isError(result)) print('refused', explain(result))

await readAssets(null)
const list = client.readQuery(AssetsDocument, { first: 2 })
for (const { node } of list?.data?.assets.edges ?? []) print('listed', node.name, node.status)

const videos = client.readQuery(VideosDocument, {})
for (const { node } of videos?.data?.videoTasks.edges ?? [])
  print('kept fresh', node.prompt, node.status)

changes.unsubscribe()
await socket.dispose()

function watchAssets(ids: string[]): Promise<void> {
  return follow(client.subscription(AssetStatusesDocument, { ids }), () => {})
}

function followTimeline(id: string): Promise<void> {
  const show = timelinePrinter()
  return follow(client.subscription(TimelineDocument, { id }), ({ videoTaskTimeline }) => {
    show(videoTaskTimeline)
  })
}

// #region follow
/** Resolves when the subscription has ended: urql then repeats the last result, with `hasNext: false`. */
function follow<Data>(
  source: OperationResultSource<OperationResult<Data, AnyVariables>>,
  onData: (data: Data) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    source.subscribe(({ data, error, hasNext }) => {
      if (error) reject(error)
      else if (!hasNext) resolve()
      else if (data) onData(data)
    })
  })
}
// #endregion

// #region pages
/** Reads page after page. The cache makes one list of them. */
async function readAssets(after: string | null): Promise<void> {
  const { data } = await client.query(AssetsDocument, { first: 2, after })
  const { endCursor, hasNextPage } = data?.assets.pageInfo ?? {}
  if (hasNextPage && endCursor) await readAssets(endCursor)
}
// #endregion
