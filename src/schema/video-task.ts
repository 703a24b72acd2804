import { findVideoTask, listVideoTasks, type VideoTask } from '../resolvers/video-task.ts'
import { builder } from './builder.ts'
import { pageComplexity, TYPICAL_RESOURCES, UPSTREAM_CALL } from './cost.ts'
import { connectionOf } from './relay-connection.ts'
import { VideoRef, VideoUsageRef } from './video.ts'
import { VideoResourceRef } from './video-resource.ts'

/** The statuses of a video task. */
export const VideoTaskStatusRef = builder.enumType('VideoTaskStatus', {
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

/** A video task and its fields. */
export const VideoTaskRef = builder.objectRef<VideoTask>('VideoTask')

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
}))
