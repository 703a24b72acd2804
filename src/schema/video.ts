import type { VideoUsage } from '../model/entities.ts'
import { type TaskVideo, videoExpiryOf } from '../resolvers/url-expiry.ts'
import { builder } from './builder.ts'

/** A finished video. */
export const VideoRef = builder.objectRef<TaskVideo>('Video').implement({
  description: 'A generated video. Some providers report only its URL.',
  fields: (t) => ({
    url: t.expose('url', {
      type: 'URL',
      description:
        'The URL of the video. Download the video within 24 hours, because the URL may expire.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the URL may stop working, for example `"2026-05-01T02:40:00.000Z"`: as signed, or else 24 hours after the task finished. It can be in the past.',
      resolve: videoExpiryOf,
    }),
    duration: t.exposeFloat('duration', {
      nullable: true,
      description: 'The duration in seconds. Null when the provider does not report it.',
    }),
    resolution: t.exposeString('resolution', {
      nullable: true,
      description: 'The resolution, for example `720p`. Null when the provider does not report it.',
    }),
    ratio: t.exposeString('ratio', {
      nullable: true,
      description:
        'The aspect ratio, for example `16:9`. Null when the provider does not report it.',
    }),
    fps: t.exposeFloat('fps', {
      nullable: true,
      description: 'The frames per second. Null when the provider does not report them.',
    }),
  }),
})

/** The cost of a video, in tokens. */
export const VideoUsageRef = builder.objectRef<VideoUsage>('VideoUsage').implement({
  description: 'The cost of a video in tokens, as 0-0 reports it.',
  fields: (t) => ({
    videoTokens: t.exposeInt('videoTokens', {
      nullable: true,
      description: 'The tokens for the video.',
    }),
    completionTokens: t.exposeInt('completionTokens', {
      nullable: true,
      description: 'The tokens for the generated output. Usually equal to `videoTokens`.',
    }),
    totalTokens: t.exposeInt('totalTokens', {
      nullable: true,
      description: 'All tokens. Usually equal to `videoTokens`.',
    }),
  }),
})
