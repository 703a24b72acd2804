import type { CreateVideoTaskInput } from '../resolvers/check-video-task.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key-description.ts'
import { PlatformRef } from './platform.ts'
import { ResourceRoleRef, ResourceTypeRef } from './video-resource.ts'
import { withoutNulls } from './without-nulls.ts'

const VideoResourceInputRef = builder.inputType('VideoResourceInput', {
  description: 'An input file of a video task. Exactly one of `assetId` and `url` is required.',
  fields: (t) => ({
    type: t.field({
      type: ResourceTypeRef,
      required: true,
      defaultValue: 'IMAGE',
      description: 'The media type of the file.',
    }),
    role: t.field({
      type: ResourceRoleRef,
      required: true,
      description: 'The role of the file in the video.',
    }),
    assetId: t.id({
      description: 'An asset that is `ACTIVE`: a global id, or the id of the asset at 0-0.',
    }),
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'The platform of an id of 0-0. Ignored for a global id.',
    }),
    url: t.field({ type: 'URL', description: 'A public http or https URL of the file.' }),
  }),
})

type InputFields = Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0]

/** The fields of the options of a video, for the input of each create. */
export function videoOptionFields(t: InputFields) {
  return {
    model: t.string({
      required: true,
      defaultValue: 'seedance-2-0',
      description:
        'The model that generates the video, for example `seedance-2-0` or `seedance-2-0-fast`. The query `models` lists those that 0-0 offers to your key. 0-0 refuses any other when the task is sent.',
    }),
    prompt: t.string({
      required: true,
      description:
        'What the video shows, for example `"The woman of image 1 smiles"`. Refer to files by type and position.',
    }),
    duration: t.int({
      description:
        'The duration in seconds: 4 to 15, for example `8`, or -1 to let the model choose. 5 when omitted.',
    }),
    resolution: t.string({
      description:
        '`480p`, `720p`, `1080p` or `4k`. `720p` when omitted. `seedance-2-0-fast` has only `480p` and `720p`.',
    }),
    ratio: t.string({
      description:
        '`16:9`, `4:3`, `1:1`, `3:4`, `9:16`, `21:9` or `adaptive`. `adaptive` when omitted.',
    }),
    audio: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Whether the video has sound.',
    }),
    watermark: t.boolean({
      description: 'Whether the video has a watermark. Some providers ignore this.',
    }),
    seed: t.int({
      description:
        'The seed, for example `42`: the same seed makes the result repeatable. -1 for a random seed. Some providers ignore this.',
    }),
  }
}

/** The input of `createVideoTask` and of `previewVideoTask`. */
export const CreateVideoTaskInputRef = builder.inputType('CreateVideoTaskInput', {
  description: 'The video task to create. The limits below are those of the seedance-2-0 models.',
  fields: (t) => ({
    ...videoOptionFields(t),
    resources: t.field({
      type: [VideoResourceInputRef],
      description:
        'The input files: one first frame, or a first and a last frame, or references. At most 9 images, 3 videos and 3 sounds, and at most 12 references in total.',
    }),
    providerOptions: t.field({
      type: 'JSONObject',
      description:
        'Options that are passed on to the provider, for example `{ "lingjing": { … } }`. Refused where tenants share a key.',
    }),
    waitForAssets: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'True: the task is accepted now and sent to 0-0 when all its assets are `ACTIVE`. It fails when one of its assets fails.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

/** The cost in points of reading the assets that an input names: at most one call to 0-0 for each file. */
export function readCostOf({ resources }: typeof CreateVideoTaskInputRef.$inferInput): number {
  return (resources ?? []).length * UPSTREAM_CALL
}

/** Returns the input without its nulls. A field that is null counts as omitted. */
export function inputOf(input: typeof CreateVideoTaskInputRef.$inferInput): CreateVideoTaskInput {
  const resources = (input.resources ?? []).map(withoutNulls)
  return { ...withoutNulls(input), resources }
}
