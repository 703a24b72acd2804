import {
  subscribeToVideoTasks,
  type VideoTaskStatusChange,
  videoTaskStatusChange,
} from '../resolvers/status-subscription.ts'
import { builder } from './builder.ts'
import { SUBSCRIBED_ID } from './cost.ts'
import { VideoTaskRef, VideoTaskStatusRef } from './video-task.ts'

const VideoTaskStatusChangeRef = builder
  .objectRef<VideoTaskStatusChange>('VideoTaskStatusChange')
  .implement({
    description: 'A change of the status of a video task.',
    fields: (t) => ({
      videoTask: t.expose('videoTask', {
        type: VideoTaskRef,
        description: 'The task immediately after the change.',
      }),
      previous: t.expose('previous', {
        type: VideoTaskStatusRef,
        nullable: true,
        description: 'The status before the change. Null in the first event of each task.',
      }),
      current: t.expose('current', {
        type: VideoTaskStatusRef,
        description:
          'The status after the change. Equal to `previous` when polling ended without a terminal status, and `videoTask.failureReason` then has the reason. Also equal when only the progress changed; see `includeProgress`.',
      }),
      observedAt: t.expose('observedAt', {
        type: 'DateTime',
        description: 'The time at which this service observed the change.',
      }),
    }),
  })

builder.subscriptionField('videoTaskStatusChanged', (t) =>
  t.field({
    type: VideoTaskStatusChangeRef,
    complexity: ({ ids }) => ids.length * SUBSCRIBED_ID,
    description:
      'Sends the current status of each task, then every later change exactly once, in order. Completes when every task has a terminal status, or its polling has ended. Fails with `NOT_FOUND` when 0-0 does not know some of the ids; `extensions.ids` contains all of them.',
    args: {
      ids: t.arg.idList({
        required: true,
        description: '1 to 500 ids: global ids, or ids of tasks at 0-0.',
      }),
      model: t.arg.string({
        description: 'The model of tasks that were not created through this service.',
      }),
      includeProgress: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Also send events in which only `videoTask.progress` changed. `previous` and `current` are then equal, for example both `RUNNING`. Example: `videoTaskStatusChanged(ids: ["VideoTask:cgt-1"], includeProgress: true) { videoTask { progress } }`.',
      }),
    },
    subscribe: (_root, { ids, model, includeProgress }, context) =>
      subscribeToVideoTasks(ids, { model: model ?? null, includeProgress }, context),
    resolve: (transition, _args, context) => videoTaskStatusChange(transition, context),
  }),
)
