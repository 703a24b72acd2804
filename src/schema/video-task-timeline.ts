import type { TimelineEventType } from '../resolvers/timeline.ts'
import {
  subscribeToTimeline,
  type TimelineEvent,
  timelineEvent,
} from '../resolvers/timeline-subscription.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { SUBSCRIBED_ID, TYPICAL_RESOURCES } from './cost.ts'
import { VideoTaskRef } from './video-task.ts'

const DESCRIPTIONS: Record<TimelineEventType, string> = {
  ACCEPTED: 'This service registered the task.',
  ASSET_READY:
    'An asset of the task is `ACTIVE`. Comes at once for an asset that was ready before.',
  ASSET_FAILED: 'An asset of the task cannot be used.',
  SENT: '0-0 accepted the task.',
  STARTED: 'The task is `RUNNING`.',
  PROGRESSED: 'The progress of a running task changed. Only some providers report it.',
  SUCCEEDED: 'The last event: the video is ready.',
  FAILED:
    'The last event: the task has `FAILED` or `EXPIRED`, or its polling ended. The reason is in `message`.',
  CANCELLED: 'The last event: the task was cancelled.',
}

const TimelineEventTypeRef = builder.enumType('TimelineEventType', {
  description: 'The type of an event of a timeline, in the order in which a video is made.',
  values: valuesOf(DESCRIPTIONS),
})

const TimelineEventRef = builder.objectRef<TimelineEvent>('TimelineEvent').implement({
  description: 'An event in the making of a video.',
  fields: (t) => ({
    at: t.expose('at', {
      type: 'DateTime',
      description:
        'The time of the event, as this service observed it, for example `"2026-04-30T02:40:00.000Z"`.',
    }),
    type: t.expose('type', {
      type: TimelineEventTypeRef,
      description: 'What happened, for example `ASSET_READY`.',
    }),
    message: t.exposeString('message', {
      description:
        'The event as a sentence for people, for example `The asset "Front view" (Asset-1) is ready.`',
    }),
    asset: t.expose('asset', {
      type: AssetRef,
      nullable: true,
      description: 'The asset of `ASSET_READY` and `ASSET_FAILED`. Null for other types.',
    }),
    videoTask: t.expose('videoTask', {
      type: VideoTaskRef,
      description: 'The task as it is recorded now, which can be later than the event.',
    }),
  }),
})

builder.subscriptionField('videoTaskTimeline', (t) =>
  t.field({
    type: TimelineEventRef,
    complexity: (1 + TYPICAL_RESOURCES) * SUBSCRIBED_ID,
    description:
      'Sends the making of a video as one ordered stream: the events so far, then each later event. Completes after `SUCCEEDED`, `FAILED` or `CANCELLED`. Fails with `NOT_FOUND` when 0-0 does not know the task. Example: `subscription { videoTaskTimeline(id: "VideoTask:cgt-1") { at type message } }`.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id of the task at 0-0.' }),
    },
    subscribe: (_root, { id }, context) => subscribeToTimeline(id, context),
    resolve: (step, _args, context) => timelineEvent(step, context),
  }),
)

function valuesOf<Name extends string>(descriptions: Record<Name, string>) {
  const entries = Object.entries<string>(descriptions).map(([name, description]) => [
    name,
    { value: name, description },
  ])
  // The cast is safe: the entries have the names of `descriptions`.
  return Object.fromEntries(entries) as { [K in Name]: { value: K; description: string } }
}
