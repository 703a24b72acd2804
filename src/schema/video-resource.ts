import type { VideoResourceRequest } from '../model/requests.ts'
import { findResourceAsset } from '../resolvers/video-task.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'

/** The kinds of file that a video task takes. */
export const ResourceTypeRef = builder.enumType('ResourceType', {
  description: 'What kind of file goes into a video.',
  values: {
    IMAGE: { description: 'A picture.' },
    VIDEO: { description: 'A clip; as a reference only.' },
    AUDIO: { description: 'A sound; as a reference only, and not alone.' },
  } as const,
})

/** The roles of a file in a video. */
export const ResourceRoleRef = builder.enumType('ResourceRole', {
  description: 'What a file does in a video.',
  values: {
    FIRST_FRAME: { description: 'The video begins with this picture.' },
    LAST_FRAME: { description: 'The video ends with this picture; needs a `FIRST_FRAME`.' },
    REFERENCE: { description: 'The video resembles it. Not together with the other two.' },
  } as const,
})

/** An input file of a video task, as the graph shows it. */
export const VideoResourceRef = builder.objectRef<VideoResourceRequest>('VideoResource').implement({
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
