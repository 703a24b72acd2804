import { taskFailureOf } from '../resolvers/entity-failure.ts'
import { estimateReadyAt } from '../resolvers/estimate-ready.ts'
import { findNextCheck } from '../resolvers/next-check.ts'
import { videoOf } from '../resolvers/url-expiry.ts'
import { findVideoTask, listVideoTasks, type VideoTask } from '../resolvers/video-task.ts'
import { builder } from './builder.ts'
import { LEDGER_ROW, pageComplexity, TYPICAL_RESOURCES, UPSTREAM_CALL } from './cost.ts'
import { FailureRef } from './entity-failure.ts'
import { orderByArg, STATUSES_DESCRIPTION, searchDescription } from './list-arguments.ts'
import { connectionOf } from './relay-connection.ts'
import { VideoRef, VideoUsageRef } from './video.ts'
import { VideoResourceRef } from './video-resource.ts'

/** The statuses of a video task. */
export const VideoTaskStatusRef = builder.enumType('VideoTaskStatus', {
  description:
    'The status of a video task. `SUCCEEDED`, `FAILED`, `CANCELLED` and `EXPIRED` are terminal.',
  values: {
    WAITING_FOR_ASSETS: {
      description:
        'This service has accepted the task and sends it to 0-0 when its assets are `ACTIVE`.',
    },
    QUEUED: { description: '0-0 has accepted the task and has not started it.' },
    RUNNING: { description: 'The video is being generated.' },
    SUCCEEDED: { description: 'The video is ready. Download it within 24 hours.' },
    FAILED: { description: 'The task failed. `failureReason` has the reason.' },
    CANCELLED: { description: 'The task was cancelled.' },
    EXPIRED: { description: 'The task waited too long at the provider.' },
    UNKNOWN: {
      description: '0-0 sent a status that this service does not know. `rawStatus` has it.',
    },
  } as const,
})

/** A video task. */
export const VideoTaskRef = builder.objectRef<VideoTask>('VideoTask')

builder.node(VideoTaskRef, {
  description:
    'A task that generates one video. 0-0 charges for it. It usually ends within minutes.',
  id: {
    description: 'The global id, for example `VideoTask:cgt-ab12`. It never changes.',
    resolve: ({ id }) => id,
  },
  fields: (t) => ({
    taskId: t.exposeID('taskId', {
      nullable: true,
      description: 'The id at 0-0. Null until 0-0 has accepted the task.',
    }),
    model: t.exposeString('model', {
      description:
        'The model that generates the video. `unknown` when neither 0-0 nor the query names it.',
    }),
    provider: t.exposeString('provider', {
      nullable: true,
      description:
        'The provider that runs the model for 0-0, for example `lingjing`. Null when 0-0 does not report it.',
    }),
    status: t.expose('status', {
      type: VideoTaskStatusRef,
      description: 'The status of the task.',
    }),
    rawStatus: t.exposeString('rawStatus', {
      nullable: true,
      description:
        'The status as 0-0 sent it, for example `running`. Null when 0-0 has not reported one.',
    }),
    progress: t.exposeFloat('progress', {
      nullable: true,
      description: 'The progress in percent, 0 to 100. Null when the provider does not report it.',
    }),
    prompt: t.exposeString('prompt', {
      nullable: true,
      description:
        'The prompt of the task. Null when the task was not created through this service.',
    }),
    duration: t.exposeInt('duration', {
      nullable: true,
      description:
        'The requested duration in seconds, including the default. -1 lets the model choose. Null when the task was not created through this service, or was sent without a duration.',
    }),
    resolution: t.exposeString('resolution', {
      nullable: true,
      description:
        'The requested resolution, including the default, for example `720p`. Null when the task was not created through this service, or was sent without a resolution.',
    }),
    ratio: t.exposeString('ratio', {
      nullable: true,
      description:
        'The requested aspect ratio, including the default, for example `16:9`. `adaptive` lets the model choose. Null when the task was not created through this service, or was sent without a ratio.',
    }),
    resources: t.expose('resources', {
      type: [VideoResourceRef],
      complexity: { multiplier: TYPICAL_RESOURCES },
      description:
        'The input files. Empty when there are none, or when the task was not created through this service.',
    }),
    video: t.field({
      type: VideoRef,
      nullable: true,
      description: 'The generated video. Null until the task has `SUCCEEDED`.',
      resolve: ({ entity }) => videoOf(entity),
    }),
    usage: t.expose('usage', {
      type: VideoUsageRef,
      nullable: true,
      description:
        'The tokens that the task used. Null until the task has `SUCCEEDED`, and when 0-0 does not report them.',
    }),
    failureReason: t.exposeString('failureReason', {
      nullable: true,
      description:
        'The reason of a failure as 0-0 reports it, or the reason why polling ended without a terminal status. Null when there is no such reason.',
    }),
  }),
})

builder.objectFields(VideoTaskRef, (t) => ({
  failure: t.field({
    type: FailureRef,
    nullable: true,
    description:
      'Why the task is `FAILED` or `EXPIRED`, or why its polling ended without a terminal status, for example `{ code: "ASSET_FAILED", message: "The asset Asset-1 failed: …" }`. Otherwise null.',
    resolve: taskFailureOf,
  }),
  nextCheckAfter: t.field({
    type: 'DateTime',
    complexity: LEDGER_ROW,
    nullable: true,
    description:
      'When a client that polls should read the task again: at the next poll of this service, and at least one second from now. Example: `"2026-04-30T02:40:05.000Z"`. Null when the task does not change any more, or is not polled any more. Subscriptions need no polling.',
    resolve: ({ entity }, _args, context) => findNextCheck('videoTask', entity, context),
  }),
  estimatedReadyAt: t.field({
    type: 'DateTime',
    complexity: LEDGER_ROW,
    nullable: true,
    description:
      'When the video will probably be ready, for example `"2026-04-30T02:44:00.000Z"`: the median time of your last 20 tasks of the same model, resolution and duration that have `SUCCEEDED`, after `submittedAt`. A task that has not been sent is estimated as if it were sent now. The estimate is never in the past. Null with fewer than three such tasks, and when the task has ended.',
    resolve: (task, _args, context) => estimateReadyAt(task, context),
  }),
  submittedAt: t.field({
    type: 'DateTime',
    nullable: true,
    description:
      'When 0-0 accepted the task, by the clock of this service, for example `"2026-04-30T02:40:00.000Z"`. Null until then, and for a task that is not registered here.',
    resolve: ({ entity }) => entity.submittedAt,
  }),
  finishedAt: t.field({
    type: 'DateTime',
    nullable: true,
    description:
      'When this service first observed a terminal status, for example `"2026-04-30T02:44:00.000Z"`. Null until then, and for a task that is not registered here.',
    resolve: ({ entity }) => entity.finishedAt,
  }),
  createdAt: t.expose('createdAt', {
    type: 'DateTime',
    nullable: true,
    description: 'The time of creation by the clock of 0-0. Null when 0-0 does not report it.',
  }),
  updatedAt: t.expose('updatedAt', {
    type: 'DateTime',
    nullable: true,
    description:
      'The time of the last change by the clock of the provider. Null when the provider does not report it.',
  }),
}))

const VideoTaskConnectionRef = builder.connectionObject(
  { type: VideoTaskRef, name: 'VideoTaskConnection' },
  { name: 'VideoTaskEdge' },
)

builder.queryFields((t) => ({
  videoTask: t.field({
    type: VideoTaskRef,
    complexity: UPSTREAM_CALL,
    nullable: true,
    description:
      'Reads a video task from 0-0. Null when neither 0-0 nor this service knows the id.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id of the entity at 0-0.' }),
      model: t.arg.string({
        description:
          'The model of a task that was not created through this service. 0-0 may need it to find the task.',
      }),
    },
    resolve: (_root, { id, model }, context) => findVideoTask(id, model ?? null, context),
  }),
  videoTasks: t.connection(
    {
      type: VideoTaskRef,
      complexity: pageComplexity,
      description:
        'The video tasks that your tenant created through this service, as last observed. Example: `videoTasks(first: 20, statuses: [QUEUED, RUNNING], orderBy: OLDEST_FIRST) { nodes { id status prompt } }`.',
      args: {
        status: t.arg({
          type: VideoTaskStatusRef,
          description: 'Return only tasks with this status.',
        }),
        statuses: t.arg({ type: [VideoTaskStatusRef], description: STATUSES_DESCRIPTION }),
        search: t.arg.string({ description: searchDescription('prompt') }),
        ...orderByArg,
      },
      resolve: async (_root, { status, statuses, search, ...page }, context) =>
        connectionOf(await listVideoTasks({ status, statuses, search }, page, context)),
    },
    VideoTaskConnectionRef,
  ),
}))
