import { KNOWN_VIDEO_MODELS } from '../model/video-model-limits.ts'
import { listVideoModels, type VideoModel } from '../resolvers/video-models.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'

const IntRangeRef = builder.objectRef<{ min: number; max: number }>('IntRange').implement({
  description: 'A range of whole numbers. Both ends belong to it.',
  fields: (t) => ({
    min: t.exposeInt('min', { description: 'The smallest value, for example `4`.' }),
    max: t.exposeInt('max', { description: 'The largest value, for example `15`.' }),
  }),
})

const VideoModelDefaultsRef = builder
  .objectRef<NonNullable<VideoModel['defaults']>>('VideoModelDefaults')
  .implement({
    description: 'The values that 0-0 uses for options that are omitted.',
    fields: (t) => ({
      duration: t.exposeInt('duration', {
        nullable: true,
        description: 'The duration in seconds, for example `5`. Null when it is not known.',
      }),
      resolution: t.exposeString('resolution', {
        nullable: true,
        description: 'The resolution, for example `720p`. Null when it is not known.',
      }),
      ratio: t.exposeString('ratio', {
        nullable: true,
        description: 'The ratio, for example `adaptive`. Null when it is not known.',
      }),
    }),
  })

const VideoModelRef = builder.objectRef<VideoModel>('VideoModel').implement({
  description:
    'A model that generates videos, with the limits that this service checks. A limit is null when it is not known. 0-0 may then have one.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: 'The name, for `model` of an input, for example `seedance-2-0`.',
    }),
    acceptsAssets: t.exposeBoolean('acceptsAssets', {
      description: 'Whether input files can be assets. Otherwise they must be given by URL.',
    }),
    resolutions: t.field({
      type: ['String'],
      nullable: true,
      description: 'The values of `resolution`, for example `["480p", "720p"]`.',
      resolve: ({ resolutions }) => resolutions,
    }),
    ratios: t.field({
      type: ['String'],
      nullable: true,
      description: 'The values of `ratio`, for example `["16:9", "9:16", "adaptive"]`.',
      resolve: ({ ratios }) => ratios,
    }),
    durations: t.expose('durations', {
      type: IntRangeRef,
      nullable: true,
      description: 'The durations in seconds. -1 is also valid: the model chooses the duration.',
    }),
    maxImages: t.exposeInt('maxImages', {
      nullable: true,
      description: 'The maximum number of images as references, for example `9`.',
    }),
    maxVideos: t.exposeInt('maxVideos', {
      nullable: true,
      description: 'The maximum number of videos as references, for example `3`.',
    }),
    maxAudios: t.exposeInt('maxAudios', {
      nullable: true,
      description: 'The maximum number of sounds as references, for example `3`.',
    }),
    defaults: t.expose('defaults', {
      type: VideoModelDefaultsRef,
      nullable: true,
      description: 'The values of omitted options. Null when they are not known.',
    }),
  }),
})

builder.queryField('models', (t) =>
  t.field({
    type: [VideoModelRef],
    complexity: { field: UPSTREAM_CALL, multiplier: KNOWN_VIDEO_MODELS.length },
    description:
      'The video models that 0-0 offers to your key, as read within the last minute. Without credentials, or when 0-0 does not say what it offers, the models whose limits are known. Fails with `UNAUTHENTICATED` for invalid credentials. Example: `{ models { id resolutions durations { min max } } }`.',
    resolve: (_root, _args, context) => listVideoModels(context),
  }),
)
