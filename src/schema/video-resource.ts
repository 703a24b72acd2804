import type { VideoResourceRequest } from '../model/requests.ts'
import { findResourceAsset } from '../resolvers/video-task.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'

/** The media types of input files. */
export const ResourceTypeRef = builder.enumType('ResourceType', {
  description: 'The media type of an input file of a video task.',
  values: {
    IMAGE: { description: 'An image.' },
    VIDEO: { description: 'A video. Only as a `REFERENCE`.' },
    AUDIO: { description: 'A sound. Only as a `REFERENCE`, together with an image or a video.' },
  } as const,
})

/** The roles of input files. */
export const ResourceRoleRef = builder.enumType('ResourceRole', {
  description: 'The role of an input file in the video.',
  values: {
    FIRST_FRAME: { description: 'The video begins with this image.' },
    LAST_FRAME: { description: 'The video ends with this image. Needs a `FIRST_FRAME`.' },
    REFERENCE: {
      description:
        'The model uses the file as a reference. Cannot be combined with the other two roles.',
    },
  } as const,
})

/** An input file of a video task. */
export const VideoResourceRef = builder.objectRef<VideoResourceRequest>('VideoResource').implement({
  description: 'An input file of a video task.',
  fields: (t) => ({
    type: t.expose('type', { type: ResourceTypeRef, description: 'The media type of the file.' }),
    role: t.expose('role', {
      type: ResourceRoleRef,
      description: 'The role of the file in the video.',
    }),
    url: t.field({
      type: 'URL',
      nullable: true,
      description: 'The URL of the file. Null when the file is an asset.',
      resolve: ({ url }) => url ?? null,
    }),
    // Nullable because it needs its own call to 0-0: when that call fails, the task is still returned.
    asset: t.field({
      type: AssetRef,
      complexity: UPSTREAM_CALL,
      nullable: true,
      description:
        'The asset, read from 0-0 once per operation. Null when the file was given by its URL. Null with an error when the asset cannot be read.',
      resolve: (resource, _args, context) => findResourceAsset(resource, context),
    }),
  }),
})
