import type { Video, VideoUsage } from '../model/entities.ts'
import { builder } from './builder.ts'

/** A finished video. */
export const VideoRef = builder.objectRef<Video>('Video').implement({
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

/** The cost of a video, in tokens. */
export const VideoUsageRef = builder.objectRef<VideoUsage>('VideoUsage').implement({
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
