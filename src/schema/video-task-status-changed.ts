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
    subscribe: (_root, { ids, model }, context) =>
      subscribeToVideoTasks(ids, model ?? null, context),
    resolve: (transition, _args, context) => videoTaskStatusChange(transition, context),
  }),
)
