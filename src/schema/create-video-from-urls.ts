import { createVideoFromUrls } from '../resolvers/create-video-from-urls.ts'
import { builder } from './builder.ts'
import { CREATE } from './cost.ts'
import { CreateVideoTaskResultRef } from './create-video-task.ts'
import { PlatformRef } from './platform.ts'
import { ResourceRoleRef, ResourceTypeRef } from './video-resource.ts'
import { videoOptionFields } from './video-task-input.ts'
import { withoutNulls } from './without-nulls.ts'

const VideoFileInputRef = builder.inputType('VideoFileInput', {
  description:
    'A file to register and to use in a video. Example: `{ url: "https://example.com/first.png", role: FIRST_FRAME }`.',
  fields: (t) => ({
    url: t.field({
      type: 'URL',
      required: true,
      description:
        'A public http or https URL of the file, for example `"https://example.com/first.png"`. It must be reachable until the asset is `ACTIVE`.',
    }),
    type: t.field({
      type: ResourceTypeRef,
      required: true,
      defaultValue: 'IMAGE',
      description: 'The media type of the file, for example `VIDEO`.',
    }),
    role: t.field({
      type: ResourceRoleRef,
      required: true,
      description: 'The role of the file in the video, for example `FIRST_FRAME`.',
    }),
    name: t.string({
      description: 'A name of the asset, of at most 64 characters, for example `"Heroine, front"`.',
    }),
  }),
})

const CreateVideoFromUrlsInputRef = builder.inputType('CreateVideoFromUrlsInput', {
  description:
    'The video to create and the URLs of its files. Example: `{ prompt: "She smiles", files: [{ url: "https://example.com/first.png", role: FIRST_FRAME }], idempotencyKey: "order-4711" }`. The limits below are those of the seedance-2-0 models.',
  fields: (t) => ({
    ...videoOptionFields(t),
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description:
        'The platform of the group, for example `BYTEPLUS`. Ignored when `groupId` is a global id.',
    }),
    groupId: t.id({
      description:
        'The group in which the files are registered: a global id, for example `"AssetGroup:JIMENG:group-ab12"`, or the id of the group at 0-0. When omitted, a group is created.',
    }),
    groupName: t.string({
      description:
        'The name of the group that is created: 1 to 64 characters, for example `"Heroine"`. The beginning of the prompt when omitted. Ignored when `groupId` is given.',
    }),
    files: t.field({
      type: [VideoFileInputRef],
      required: true,
      description:
        'The files, for example `[{ url: "https://example.com/first.png", role: FIRST_FRAME }]`: one first frame, or a first and a last frame, or references. At most 9 images, 3 videos and 3 sounds, and at most 12 references in total. Without files, no group is created.',
    }),
    idempotencyKey: t.string({
      description:
        'A name for the group, all assets and the task together, of at most 255 characters, for example `"order-4711"`. For 24 hours a repeat with the same key and the same input continues at the first step that has no outcome, and creates nothing twice. A step that has certainly done nothing for a temporary reason, such as a rate limit, is made again.',
    }),
  }),
})

builder.mutationField('createVideoFromUrls', (t) =>
  t.field({
    type: CreateVideoTaskResultRef,
    // The group, the task and each file.
    complexity: ({ input: { files } }) => (2 + files.length) * CREATE,
    description:
      'From URLs to a video in one call: registers the files as assets of a group, then creates a task that waits for them, as `createVideoTask` with `waitForAssets`. 0-0 charges for the task. The whole input is checked before anything is created. Example: `createVideoFromUrls(input: { prompt: "She smiles", files: [{ url: "https://example.com/first.png", role: FIRST_FRAME }] }) { ... on VideoTask { id status } ... on Error { code message } }`.',
    args: {
      input: t.arg({
        type: CreateVideoFromUrlsInputRef,
        required: true,
        description: 'The video to create.',
      }),
    },
    resolve: (_root, { input }, context) =>
      createVideoFromUrls(
        { ...withoutNulls(input), files: input.files.map(withoutNulls) },
        context,
      ),
  }),
)
