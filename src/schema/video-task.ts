import type { Video, VideoResourceRequest, VideoUsage } from '../model.ts'
import {
  type CreateVideoTaskInput,
  createVideoTask,
  findResourceAsset,
  findVideoTask,
  listVideoTasks,
  previewVideoTask,
  type VideoTask,
  type VideoTaskPreview,
} from '../resolvers/video-task.ts'
import { type VideoTaskStatusChange, watchVideoTasks } from '../resolvers/watch.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { connectionOf } from './connection.ts'
import {
  CREATE,
  LEDGER_QUERY,
  pageComplexity,
  SUBSCRIBED_ID,
  TYPICAL_RESOURCES,
  UPSTREAM_CALL,
} from './cost.ts'
import {
  CREATE_ERROR_REFS,
  ErrorRef,
  type FailureOf,
  InputIssueRef,
  resultTypeOf,
} from './errors.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key.ts'
import { PlatformRef } from './platform.ts'
import { withoutNulls } from './without-nulls.ts'

const VideoTaskStatusRef = builder.enumType('VideoTaskStatus', {
  description: 'The state of a video task. The last four before `UNKNOWN` are for good.',
  values: {
    WAITING_FOR_ASSETS: { description: 'Accepted here, not yet sent to 0-0.' },
    QUEUED: { description: '0-0 has it and has not begun.' },
    RUNNING: { description: 'The video is being made.' },
    SUCCEEDED: { description: 'The video is there; fetch it within 24 hours.' },
    FAILED: { description: 'There will be no video; see `failureReason`.' },
    CANCELLED: { description: 'It was called off.' },
    EXPIRED: { description: 'It waited too long at the provider.' },
    UNKNOWN: { description: 'A word this service does not know; see `rawStatus`.' },
  } as const,
})

const ResourceTypeRef = builder.enumType('ResourceType', {
  description: 'What kind of file goes into a video.',
  values: {
    IMAGE: { description: 'A picture.' },
    VIDEO: { description: 'A clip; as a reference only.' },
    AUDIO: { description: 'A sound; as a reference only, and not alone.' },
  } as const,
})

const ResourceRoleRef = builder.enumType('ResourceRole', {
  description: 'What a file does in a video.',
  values: {
    FIRST_FRAME: { description: 'The video begins with this picture.' },
    LAST_FRAME: { description: 'The video ends with this picture; needs a `FIRST_FRAME`.' },
    REFERENCE: { description: 'The video resembles it. Not together with the other two.' },
  } as const,
})

const VideoResourceRef = builder.objectRef<VideoResourceRequest>('VideoResource').implement({
  description: 'A file that went into a video.',
  fields: (t) => ({
    type: t.expose('type', { type: ResourceTypeRef, description: 'What kind of file it is.' }),
    role: t.expose('role', { type: ResourceRoleRef, description: 'What it does in the video.' }),
    url: t.field({
      type: 'URL',
      nullable: true,
      description: 'The file, when it was given by its URL.',
      resolve: ({ url }) => url ?? null,
    }),
    // Its own upstream call, hence nullable, as a link of an asset is.
    asset: t.field({
      type: AssetRef,
      complexity: UPSTREAM_CALL,
      nullable: true,
      description: 'The asset, when it was given by its id; read once for all of an operation.',
      resolve: (resource, _args, context) => findResourceAsset(resource, context),
    }),
  }),
})

const VideoRef = builder.objectRef<Video>('Video').implement({
  description: 'A finished video. Some providers say nothing of it but where it is.',
  fields: (t) => ({
    url: t.expose('url', {
      type: 'URL',
      description: 'Where to fetch it. Assume that it is gone after 24 hours.',
    }),
    duration: t.exposeFloat('duration', { nullable: true, description: 'Seconds.' }),
    resolution: t.exposeString('resolution', { nullable: true, description: 'E.g. `720p`.' }),
    ratio: t.exposeString('ratio', { nullable: true, description: 'E.g. `16:9`.' }),
    fps: t.exposeFloat('fps', { nullable: true, description: 'Frames per second.' }),
  }),
})

const VideoUsageRef = builder.objectRef<VideoUsage>('VideoUsage').implement({
  description: 'What a video cost, in tokens, as 0-0 counts them.',
  fields: (t) => ({
    videoTokens: t.exposeInt('videoTokens', { nullable: true, description: 'For the video.' }),
    completionTokens: t.exposeInt('completionTokens', {
      nullable: true,
      description: 'For what was generated; the same number.',
    }),
    totalTokens: t.exposeInt('totalTokens', { nullable: true, description: 'In all.' }),
  }),
})

const VideoTaskRef = builder.objectRef<VideoTask>('VideoTask')

builder.node(VideoTaskRef, {
  description: 'The making of one video: paid for, and done within minutes.',
  id: {
    description: 'The global id: `VideoTask:cgt-ab12`. Final from the first moment on.',
    resolve: ({ id }) => id,
  },
  fields: (t) => ({
    taskId: t.exposeID('taskId', {
      nullable: true,
      description: 'The id 0-0 itself uses; null until 0-0 has accepted the task.',
    }),
    model: t.exposeString('model', {
      description: 'The model that makes it; `unknown` when neither 0-0 nor the query says it.',
    }),
    provider: t.exposeString('provider', {
      nullable: true,
      description: 'Who runs the model for 0-0, e.g. `lingjing`.',
    }),
    status: t.expose('status', { type: VideoTaskStatusRef, description: 'The state.' }),
    rawStatus: t.exposeString('rawStatus', {
      nullable: true,
      description: "0-0's own word for the state, e.g. `running`.",
    }),
    progress: t.exposeFloat('progress', {
      nullable: true,
      description: '0 to 100, when the provider reports it.',
    }),
    prompt: t.exposeString('prompt', {
      nullable: true,
      description:
        'What the video shall show; known for tasks created here, as are the next four, with the defaults of Seedance 2.0 models filled in.',
    }),
    duration: t.exposeInt('duration', {
      nullable: true,
      description: 'The seconds it was sent with; -1 leaves them to the model.',
    }),
    resolution: t.exposeString('resolution', {
      nullable: true,
      description: 'The resolution it was sent with, e.g. `720p`.',
    }),
    ratio: t.exposeString('ratio', {
      nullable: true,
      description: 'The ratio it was sent with, e.g. `16:9`; `adaptive` leaves it to the model.',
    }),
    resources: t.expose('resources', {
      type: [VideoResourceRef],
      complexity: { multiplier: TYPICAL_RESOURCES },
      description: 'The files that go into it; empty for tasks created elsewhere.',
    }),
    video: t.expose('video', {
      type: VideoRef,
      nullable: true,
      description: 'The result, once there is one.',
    }),
    usage: t.expose('usage', {
      type: VideoUsageRef,
      nullable: true,
      description: 'What it cost, once it succeeded.',
    }),
    failureReason: t.exposeString('failureReason', {
      nullable: true,
      description: 'Why it failed, as far as 0-0 says; or why this service stopped watching it.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was created, by the clock of 0-0.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last changed, by the clock of the provider, when that says so.',
    }),
  }),
})

const VideoTaskConnectionRef = builder.connectionObject(
  { type: VideoTaskRef, name: 'VideoTaskConnection' },
  { name: 'VideoTaskEdge' },
)

const VideoResourceInputRef = builder.inputType('VideoResourceInput', {
  description: 'A file to put into a video: exactly one of `assetId` and `url`.',
  fields: (t) => ({
    type: t.field({
      type: ResourceTypeRef,
      required: true,
      defaultValue: 'IMAGE',
      description: 'What kind of file it is.',
    }),
    role: t.field({
      type: ResourceRoleRef,
      required: true,
      description: 'What it shall do in the video.',
    }),
    assetId: t.id({ description: 'An `ACTIVE` asset: either form of id.' }),
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'Where an asset id of 0-0 lives; ignored for a global id.',
    }),
    url: t.field({ type: 'URL', description: 'A public URL of the file.' }),
  }),
})

const CreateVideoTaskInputRef = builder.inputType('CreateVideoTaskInput', {
  description: 'A video to make. The limits named here are those of the seedance-2-0 models.',
  fields: (t) => ({
    model: t.string({
      required: true,
      defaultValue: 'seedance-2-0',
      description: 'The model that shall make it: `seedance-2-0`, `seedance-2-0-fast`, …',
    }),
    prompt: t.string({
      required: true,
      description: 'What it shall show. Refer to resources by place: `"image 1"`.',
    }),
    duration: t.int({
      description: 'Seconds, 4 to 15; -1 leaves them to the model; 5 if left out.',
    }),
    resolution: t.string({ description: '`480p`, `720p` (if left out), `1080p` or `4k`.' }),
    ratio: t.string({
      description: '`16:9`, `4:3`, `1:1`, `3:4`, `9:16`, `21:9` or `adaptive` (if left out).',
    }),
    audio: t.boolean({ required: true, defaultValue: false, description: 'Whether it has sound.' }),
    watermark: t.boolean({
      description: 'Whether it is marked as generated. Some providers ignore this.',
    }),
    seed: t.int({
      description: 'Makes a result repeatable; -1 for chance. Some providers ignore this.',
    }),
    resources: t.field({
      type: [VideoResourceInputRef],
      description:
        'One first frame; or a first and a last frame; or up to 9 pictures, 3 clips and 3 sounds as references.',
    }),
    providerOptions: t.field({
      type: 'JSONObject',
      description: 'Passed on to the provider: `{ "lingjing": { … } }`.',
    }),
    waitForAssets: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Accept the task now, and send it to 0-0 as soon as all its assets are `ACTIVE`; it fails when one of them does.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

/** The assets an input names may each have to be read. */
function readsOf({ resources }: typeof CreateVideoTaskInputRef.$inferInput): number {
  return (resources ?? []).length * UPSTREAM_CALL
}

function inputOf(input: typeof CreateVideoTaskInputRef.$inferInput): CreateVideoTaskInput {
  const resources = (input.resources ?? []).map(withoutNulls)
  return { ...withoutNulls(input), resources }
}

const VideoTaskPreviewRef = builder.objectRef<VideoTaskPreview>('VideoTaskPreview').implement({
  description: 'What `createVideoTask` would do.',
  fields: (t) => ({
    submittable: t.exposeBoolean('submittable', {
      description: 'No issue, and every referenced asset is `ACTIVE`.',
    }),
    issues: t.expose('issues', {
      type: [InputIssueRef],
      description: 'What `createVideoTask` would refuse the input for, failed assets included.',
    }),
    pendingAssets: t.expose('pendingAssets', {
      type: [AssetRef],
      description: 'The referenced assets that are not `ACTIVE` yet; failed ones are issues.',
    }),
    estimatedVideoTokens: t.exposeInt('estimatedVideoTokens', {
      description: "0-0's own estimate: seconds x 24 fps x 907.5 x (height / 720)^2.",
    }),
  }),
})

builder.queryFields((t) => ({
  videoTask: t.field({
    type: VideoTaskRef,
    complexity: UPSTREAM_CALL,
    nullable: true,
    description: 'A video task as 0-0 has it now; null when nobody knows it.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id 0-0 uses.' }),
      model: t.arg.string({
        description: 'The model of a task that was not created here; 0-0 may need it to find it.',
      }),
    },
    resolve: (_root, { id, model }, context) => findVideoTask(id, model ?? null, context),
  }),
  videoTasks: t.connection(
    {
      type: VideoTaskRef,
      complexity: pageComplexity,
      description:
        'The tasks created through this service with the same key, newest first, as last observed.',
      args: {
        status: t.arg({ type: VideoTaskStatusRef, description: 'Only those in this state.' }),
      },
      resolve: async (_root, { status, ...page }, context) =>
        connectionOf(await listVideoTasks({ status }, page, context)),
    },
    VideoTaskConnectionRef,
  ),
  previewVideoTask: t.field({
    type: VideoTaskPreviewRef,
    complexity: ({ input }) => LEDGER_QUERY + readsOf(input),
    description:
      'What `createVideoTask` would do with this input, without doing it: nothing is sent that costs money.',
    args: {
      input: t.arg({
        type: CreateVideoTaskInputRef,
        required: true,
        description: 'What would be made.',
      }),
    },
    resolve: (_root, { input }, context) => previewVideoTask(inputOf(input), context),
  }),
}))

const AssetsNotReadyErrorRef = builder
  .objectRef<FailureOf<'ASSETS_NOT_READY'>>('AssetsNotReadyError')
  .implement({
    description: 'A video task can only refer to `ACTIVE` assets. Watch these, then try again.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      assets: t.expose('assets', {
        type: [AssetRef],
        description: 'Those that are not `ACTIVE`.',
      }),
    }),
  })

const CreateVideoTaskResultRef = builder.unionType('CreateVideoTaskResult', {
  description: 'The task, or why there is none.',
  types: [VideoTaskRef, AssetsNotReadyErrorRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('VideoTask'),
})

builder.mutationField('createVideoTask', (t) =>
  t.field({
    type: CreateVideoTaskResultRef,
    complexity: ({ input }) => CREATE + readsOf(input),
    description: 'Has a video made. Costs money; the input is checked whole before it is sent.',
    args: {
      input: t.arg({ type: CreateVideoTaskInputRef, required: true, description: 'What to make.' }),
    },
    resolve: (_root, { input }, context) => createVideoTask(inputOf(input), context),
  }),
)

const VideoTaskStatusChangeRef = builder
  .objectRef<VideoTaskStatusChange>('VideoTaskStatusChange')
  .implement({
    description: 'A change of the state of a video task, as it was observed.',
    fields: (t) => ({
      videoTask: t.expose('videoTask', {
        type: VideoTaskRef,
        description: 'The task right after the change.',
      }),
      previous: t.expose('previous', {
        type: VideoTaskStatusRef,
        nullable: true,
        description: 'The state before; null for the first event of each task.',
      }),
      current: t.expose('current', {
        type: VideoTaskStatusRef,
        description:
          'The state after. The same as before when this service stopped watching; see `videoTask.failureReason`.',
      }),
      observedAt: t.expose('observedAt', {
        type: 'DateTime',
        description: 'When this service saw it.',
      }),
    }),
  })

builder.subscriptionField('videoTaskStatusChanged', (t) =>
  t.field({
    type: VideoTaskStatusChangeRef,
    complexity: ({ ids }) => ids.length * SUBSCRIBED_ID,
    description:
      'The present state of each task at once, then every later change, none lost and none twice; completes when all are done. Ids that 0-0 does not know end it with `NOT_FOUND`; `extensions.ids` names all of them.',
    args: {
      ids: t.arg.idList({ required: true, description: 'Up to 500 ids, in either form.' }),
      model: t.arg.string({ description: 'The model of tasks that were not created here.' }),
    },
    subscribe: (_root, { ids, model }, context) => watchVideoTasks(ids, model ?? null, context),
    resolve: (change) => change,
  }),
)
