import type { CreateVideoTaskInput } from '../resolvers/check-video-task.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key-description.ts'
import { PlatformRef } from './platform.ts'
import { ResourceRoleRef, ResourceTypeRef } from './video-resource.ts'
import { withoutNulls } from './without-nulls.ts'

const VideoResourceInputRef = builder.inputType('VideoResourceInput', {
  description: 'A file to put into a video: exactly one of `assetId` and `url`.',
  fields: (t) => ({
    type: t.field({
      type: ResourceTypeRef,
      required: true,
      defaultValue: 'IMAGE',
      description: 'What kind of file it is.',
    }),
    role: t.field({
      type: ResourceRoleRef,
      required: true,
      description: 'What it shall do in the video.',
    }),
    assetId: t.id({ description: 'An `ACTIVE` asset: either form of id.' }),
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'Where an asset id of 0-0 lives; ignored for a global id.',
    }),
    url: t.field({ type: 'URL', description: 'A public URL of the file.' }),
  }),
})

/** The input of `createVideoTask` and of `previewVideoTask`. */
export const CreateVideoTaskInputRef = builder.inputType('CreateVideoTaskInput', {
  description: 'A video to make. The limits named here are those of the seedance-2-0 models.',
  fields: (t) => ({
    model: t.string({
      required: true,
      defaultValue: 'seedance-2-0',
      description: 'The model that shall make it: `seedance-2-0`, `seedance-2-0-fast`, …',
    }),
    prompt: t.string({
      required: true,
      description: 'What it shall show. Refer to resources by place: `"image 1"`.',
    }),
    duration: t.int({
      description: 'Seconds, 4 to 15; -1 leaves them to the model; 5 if left out.',
    }),
    resolution: t.string({ description: '`480p`, `720p` (if left out), `1080p` or `4k`.' }),
    ratio: t.string({
      description: '`16:9`, `4:3`, `1:1`, `3:4`, `9:16`, `21:9` or `adaptive` (if left out).',
    }),
    audio: t.boolean({ required: true, defaultValue: false, description: 'Whether it has sound.' }),
    watermark: t.boolean({
      description: 'Whether it is marked as generated. Some providers ignore this.',
    }),
    seed: t.int({
      description: 'Makes a result repeatable; -1 for chance. Some providers ignore this.',
    }),
    resources: t.field({
      type: [VideoResourceInputRef],
      description:
        'One first frame; or a first and a last frame; or up to 9 pictures, 3 clips and 3 sounds as references.',
    }),
    providerOptions: t.field({
      type: 'JSONObject',
      description: 'Passed on to the provider: `{ "lingjing": { … } }`.',
    }),
    waitForAssets: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Accept the task now, and send it to 0-0 as soon as all its assets are `ACTIVE`; it fails when one of them does.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

/** The cost of reading the assets that an input names: at most one upstream call for each. */
export function readCostOf({ resources }: typeof CreateVideoTaskInputRef.$inferInput): number {
  return (resources ?? []).length * UPSTREAM_CALL
}

/** The input without its nulls: a field that is null counts as left out. */
export function inputOf(input: typeof CreateVideoTaskInputRef.$inferInput): CreateVideoTaskInput {
  const resources = (input.resources ?? []).map(withoutNulls)
  return { ...withoutNulls(input), resources }
}
