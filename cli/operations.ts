import { z } from 'zod'
import { text } from './text.ts'

/** A GraphQL document with the part of its result that the command line reads. */
export interface Operation<T> {
  document: string
  result: z.ZodType<T>
}

const asset = z.object({
  id: text,
  name: text.nullable(),
  status: text,
  failureReason: text.nullable(),
  sourceUrl: text.nullable(),
})
const ASSET = 'fragment AssetFields on Asset { id name status failureReason sourceUrl }'

const videoTask = z.object({
  id: text,
  status: text,
  progress: z.number().nullable(),
  estimatedReadyAt: text.nullable(),
  failure: z.object({ code: text.nullable(), message: text, asset: asset.nullable() }).nullable(),
  video: z.object({ url: text, expiresAt: text.nullable() }).nullable(),
})
const VIDEO_TASK = `fragment TaskFields on VideoTask {
  id status progress estimatedReadyAt
  failure { code message asset { ...AssetFields } }
  video { url expiresAt }
} ${ASSET}`

/** An asset as the command line shows it. */
export type Asset = z.infer<typeof asset>
/** A video task as the command line shows it. */
export type VideoTask = z.infer<typeof videoTask>

/** Answers without a credential and without 0-0. */
export const ping = operation(`{ __typename }`, z.object({ __typename: z.literal('Query') }))

/** The models that 0-0 offers to the key. */
export const listModels = operation(
  `query Models { models { id } }`,
  z.object({ models: z.array(z.object({ id: text })) }),
)

/** What to do about each error code. */
export const listHints = operation(
  `query Hints { errorCodes { code hint } }`,
  z
    .object({ errorCodes: z.array(z.object({ code: text, hint: text })) })
    .transform((data) => new Map(data.errorCodes.map(({ code, hint }) => [code, hint]))),
)

/** Needs a credential, and is answered without 0-0. */
export const listGroups = operation(
  `query Groups { assetGroups(first: 0) { totalCount } }`,
  z.object({ assetGroups: z.object({ totalCount: z.number() }) }),
)

/** Reads a task that does not exist from 0-0. */
export const readUnknownTask = operation(
  `query UnknownTask { videoTask(id: "zerograph-doctor") { id } }`,
  z.object({ videoTask: z.unknown().optional() }),
)

/** Reads a group from 0-0. */
export const readGroup = operation(
  `query Group($id: ID!, $platform: Platform! = JIMENG) {
    assetGroup(id: $id, platform: $platform) { id name assets(first: 0) { totalCount } }
  }`,
  z.object({
    assetGroup: z
      .object({ id: text, name: text.nullable(), assets: z.object({ totalCount: z.number() }) })
      .nullable(),
  }),
)

const assetChange = z.object({
  previous: text.nullable(),
  current: text,
  observedAt: text,
  asset,
})
const ASSET_CHANGE = 'previous current observedAt asset { ...AssetFields }'

/** Follows one asset. */
export const followAsset = operation(
  `subscription FollowAsset($id: ID!, $platform: Platform! = JIMENG) {
    assetStatusChanged(ids: [$id], platform: $platform) { ${ASSET_CHANGE} }
  } ${ASSET}`,
  z.object({ assetStatusChanged: assetChange }).transform((data) => data.assetStatusChanged),
)

/** Follows the assets of a group. */
export const followGroup = operation(
  `subscription FollowGroup($id: ID!, $platform: Platform! = JIMENG) {
    assetGroupStatusChanged(id: $id, platform: $platform) { ${ASSET_CHANGE} }
  } ${ASSET}`,
  z
    .object({ assetGroupStatusChanged: assetChange })
    .transform((data) => data.assetGroupStatusChanged),
)

/** A change of an asset. */
export type AssetChange = z.infer<typeof assetChange>

const timelineEvent = z.object({
  at: text,
  type: text,
  message: text,
  asset: asset.nullable(),
  videoTask,
})
/** An event of a video task. */
export type TaskEvent = z.infer<typeof timelineEvent>

/** Follows the whole making of a video, past events first. */
export const followTimeline = operation(
  `subscription FollowTimeline($id: ID!) {
    videoTaskTimeline(id: $id) {
      at type message asset { ...AssetFields } videoTask { ...TaskFields }
    }
  } ${VIDEO_TASK}`,
  z.object({ videoTaskTimeline: timelineEvent }).transform((data) => data.videoTaskTimeline),
)

/** Follows the status of a task that was not created through the service. */
export const followTask = operation(
  `subscription FollowTask($id: ID!, $model: String) {
    videoTaskStatusChanged(ids: [$id], model: $model, includeProgress: true) {
      observedAt current videoTask { ...TaskFields }
    }
  } ${VIDEO_TASK}`,
  z
    .object({ videoTaskStatusChanged: z.object({ observedAt: text, current: text, videoTask }) })
    .transform(({ videoTaskStatusChanged: { observedAt, current, videoTask } }): TaskEvent => {
      return { at: observedAt, type: current, message: '', asset: null, videoTask }
    }),
)

const issue = z.object({ path: z.array(text), message: text })

const refusal = z.object({
  code: text,
  message: text,
  retryable: z.boolean(),
  issues: z.array(issue).optional(),
  assets: z.array(asset).optional(),
  retryAfterSeconds: z.number().optional(),
})
/** The reason why a create failed. */
export type Refusal = z.infer<typeof refusal>

const createResult = z.union([
  videoTask.transform((task) => ({ task, refusal: null })),
  refusal.transform((refusal) => ({ task: null, refusal })),
])

/** Creates a video from URLs. */
export const createVideo = operation(
  `mutation CreateVideo($input: CreateVideoFromUrlsInput!) {
    createVideoFromUrls(input: $input) {
      ...TaskFields
      ... on Error { code message retryable }
      ... on InvalidInputError { issues { path message } }
      ... on AssetsNotReadyError { assets { ...AssetFields } }
      ... on RateLimitedError { retryAfterSeconds }
      ... on UpstreamUnavailableError { retryAfterSeconds }
    }
  } ${VIDEO_TASK}`,
  z.object({ createVideoFromUrls: createResult }).transform((data) => data.createVideoFromUrls),
)

/** Checks the input of a video task and estimates its cost. */
export const previewVideo = operation(
  `query PreviewVideo($input: CreateVideoTaskInput!) {
    previewVideoTask(input: $input) { estimatedVideoTokens issues { path message } }
  }`,
  z
    .object({
      previewVideoTask: z.object({ estimatedVideoTokens: z.number(), issues: z.array(issue) }),
    })
    .transform((data) => data.previewVideoTask),
)

/** An invalid value of an input. */
export type Issue = z.infer<typeof issue>

function operation<T>(document: string, result: z.ZodType<T>): Operation<T> {
  return { document, result }
}
