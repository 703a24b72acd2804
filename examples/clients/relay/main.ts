import {
  ConnectionHandler,
  createOperationDescriptor,
  fetchQuery,
  requestSubscription,
} from 'relay-runtime'
import { createSocket } from '../shared/socket.ts'
import {
  assetInputs,
  groupInput,
  print,
  refusedGroupInputs,
  timelinePrinter,
  videoInput,
} from '../shared/story.ts'
import AssetStatuses from './__generated__/AssetStatusesSubscription.graphql.ts'
import Assets, { type AssetsQuery } from './__generated__/AssetsQuery.graphql.ts'
import CancelVideo, {
  type CancelVideoMutation,
} from './__generated__/CancelVideoMutation.graphql.ts'
import Changes, { type ChangesSubscription } from './__generated__/ChangesSubscription.graphql.ts'
import CreateAssets, {
  type CreateAssetsMutation,
} from './__generated__/CreateAssetsMutation.graphql.ts'
import CreateGroup, {
  type CreateGroupMutation,
} from './__generated__/CreateGroupMutation.graphql.ts'
import CreateVideo, {
  type CreateVideoMutation,
} from './__generated__/CreateVideoMutation.graphql.ts'
import Timeline, {
  type TimelineSubscription,
} from './__generated__/TimelineSubscription.graphql.ts'
import Videos, { type VideosQuery } from './__generated__/VideosQuery.graphql.ts'
import { createEnvironment, follow, lookup, mutate } from './client.ts'
import { created, explain } from './errors.ts'

const { promise: videosRead, resolve: onVideosRead } = Promise.withResolvers<unknown>()
const socket = createSocket(readVideos)
const environment = createEnvironment(socket)

// #region changes
// The store updates entities that it has by itself. New ones must be added to the lists in which they belong.
const changes = requestSubscription<ChangesSubscription>(environment, {
  subscription: Changes,
  variables: {},
  updater: (store) => {
    const change = store.getRootField('changes')
    const node = change.getLinkedRecord('node')
    const videos = ConnectionHandler.getConnection(store.getRoot(), 'Story_videoTasks')
    if (!videos || !change.getValue('isNew') || node.getType() !== 'VideoTask') return
    const edges = videos.getLinkedRecords('edges') ?? []
    if (edges.some((edge) => edge.getLinkedRecord('node') === node)) return
    const edge = ConnectionHandler.createEdge(store, videos, node, 'VideoTaskEdge')
    ConnectionHandler.insertEdgeBefore(videos, edge)
  },
})

/** Reads the list when changes may have been missed, also after the first connection. */
function readVideos(): void {
  onVideosRead(fetchQuery<VideosQuery>(environment, Videos, {}).toPromise())
}
// #endregion

// The store deletes what is not retained. In React, `useLazyLoadQuery` and its relatives retain.
environment.retain(createOperationDescriptor(Videos, {}))
environment.retain(createOperationDescriptor(Assets, { first: 2 }))
await videosRead

const { createAssetGroup } = await mutate<CreateGroupMutation>(environment, CreateGroup, {
  input: groupInput,
})
const group = created(createAssetGroup.group, createAssetGroup.error)
print('group', group.name, group.status)
for (const input of refusedGroupInputs) {
  const result = await mutate<CreateGroupMutation>(environment, CreateGroup, { input })
  if (result.createAssetGroup.error) print('refused', explain(result.createAssetGroup.error))
}

const inputs = assetInputs(group.id)
const { createAssets } = await mutate<CreateAssetsMutation>(environment, CreateAssets, { inputs })
const assets = createAssets.map(({ asset, error }) => created(asset, error))
for (const asset of assets) print('asset', asset.name, asset.status)

const input = videoInput(assets[0]?.id)
const { createVideoTask } = await mutate<CreateVideoMutation>(environment, CreateVideo, { input })
const video = created(createVideoTask.video, createVideoTask.error)
print('video', video.status)

const show = timelinePrinter()
await Promise.all([
  follow(environment, AssetStatuses, { ids: assets.map(({ id }) => id) }, () => {}),
  follow<TimelineSubscription>(environment, Timeline, { id: video.id }, (data) =>
    show(data.videoTaskTimeline),
  ),
])

const { cancelVideoTask } = await mutate<CancelVideoMutation>(environment, CancelVideo, {
  id: video.id,
})
if (cancelVideoTask.error) print('refused', explain(cancelVideoTask.error))

await readAssets(null)
const list = lookup<AssetsQuery>(environment, Assets, { first: 2 })
for (const { node } of list.assets.edges) print('listed', node.name, node.status)

const videos = lookup<VideosQuery>(environment, Videos, {})
for (const { node } of videos.videoTasks.edges) print('kept fresh', node.prompt, node.status)

changes.dispose()
await socket.dispose()

// #region pages
/** Reads page after page. `@connection` makes one list of them. React has `usePaginationFragment` for this. */
async function readAssets(after: string | null): Promise<void> {
  const variables = { first: 2, after }
  const data = await fetchQuery<AssetsQuery>(environment, Assets, variables).toPromise()
  const { endCursor, hasNextPage } = data?.assets.pageInfo ?? {}
  if (hasNextPage && endCursor) await readAssets(endCursor)
}
// #endregion
