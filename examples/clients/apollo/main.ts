import { created, explain, isError } from '../shared/errors.ts'
import {
  AssetStatusesDocument,
  AssetsDocument,
  CancelVideoDocument,
  ChangesDocument,
  type CreateAssetGroupInput,
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
import { createApolloClient } from './client.ts'

const { promise: videosRead, resolve: onVideosRead } = Promise.withResolvers<unknown>()
const socket = createSocket(readVideos)
const client = createApolloClient(socket)

// #region changes
// The cache updates entities that it has by itself. New ones must be added to the lists in which they belong.
const changes = client.subscribe({ query: ChangesDocument }).subscribe(({ data }) => {
  const node = data?.changes.node
  if (node?.__typename !== 'VideoTask' || !data?.changes.isNew) return
  client.cache.updateQuery({ query: VideosDocument }, (list) => {
    if (!list || list.videoTasks.edges.some((edge) => edge.node.id === node.id)) return list
    const edge = { __typename: 'VideoTaskEdge' as const, cursor: '', node }
    return { ...list, videoTasks: { ...list.videoTasks, edges: [edge, ...list.videoTasks.edges] } }
  })
})

/** Reads the list when changes may have been missed, also after the first connection. */
function readVideos(): void {
  onVideosRead(client.query({ query: VideosDocument, fetchPolicy: 'network-only' }))
}
// #endregion

await videosRead

const group = created((await createGroup(groupInput))?.createAssetGroup)
print('group', group.name, group.status)
for (const input of refusedGroupInputs) {
  const result = (await createGroup(input))?.createAssetGroup
  if (result && isError(result)) print('refused', explain(result))
}

const registered = await client.mutate({
  mutation: CreateAssetsDocument,
  variables: { inputs: assetInputs(group.id) },
})
const assets = registered.data?.createAssets.map(created) ?? []
for (const asset of assets) print('asset', asset.name, asset.status)

const accepted = await client.mutate({
  mutation: CreateVideoDocument,
  variables: { input: videoInput(assets[0]?.id) },
})
const video = created(accepted.data?.createVideoTask)
print('video', video.status)

await Promise.all([watchAssets(assets.map(({ id }) => id)), followTimeline(video.id)])

const cancelled = await client.mutate({
  mutation: CancelVideoDocument,
  variables: { id: video.id },
})
const result = cancelled.data?.cancelVideoTask
if (result && isError(result)) print('refused', explain(result))

await readAssets(null)
const list = client.readQuery({ query: AssetsDocument, variables: { first: 2 } })
for (const { node } of list?.assets.edges ?? []) print('listed', node.name, node.status)

const videos = client.readQuery({ query: VideosDocument })
for (const { node } of videos?.videoTasks.edges ?? []) print('kept fresh', node.prompt, node.status)

changes.unsubscribe()
client.stop()
await socket.dispose()

async function createGroup(input: CreateAssetGroupInput) {
  return (await client.mutate({ mutation: CreateGroupDocument, variables: { input } })).data
}

/** Resolves when every asset is ACTIVE or FAILED. */
async function watchAssets(ids: string[]): Promise<void> {
  await client.subscribe({ query: AssetStatusesDocument, variables: { ids } }).forEach(() => {})
}

async function followTimeline(id: string): Promise<void> {
  const show = timelinePrinter()
  const timeline = client.subscribe({ query: TimelineDocument, variables: { id } })
  await timeline.forEach(({ data, error }) => {
    if (error) throw error
    show(data?.videoTaskTimeline)
  })
}

// #region pages
/**
 * Reads page after page. The cache makes one list of them, because its key has neither `first` nor `after`. In React,
 * `fetchMore` does this.
 */
async function readAssets(after: string | null): Promise<void> {
  const variables = { first: 2, after }
  const fetchPolicy = 'network-only'
  const { data } = await client.query({ query: AssetsDocument, variables, fetchPolicy })
  const { endCursor, hasNextPage } = data?.assets.pageInfo ?? {}
  if (hasNextPage && endCursor) await readAssets(endCursor)
}
// #endregion
