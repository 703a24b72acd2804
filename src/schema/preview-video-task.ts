import { previewVideoTask, type VideoTaskPreview } from '../resolvers/preview-video-task.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { LEDGER_QUERY } from './cost.ts'
import { InputIssueRef } from './error-types.ts'
import { CreateVideoTaskInputRef, inputOf, readCostOf } from './video-task-input.ts'

const VideoTaskPreviewRef = builder.objectRef<VideoTaskPreview>('VideoTaskPreview').implement({
  description: 'What `createVideoTask` would do.',
  fields: (t) => ({
    submittable: t.exposeBoolean('submittable', {
      description: 'No issue, and every referenced asset is `ACTIVE`.',
    }),
    issues: t.expose('issues', {
      type: [InputIssueRef],
      description: 'What `createVideoTask` would refuse the input for, failed assets included.',
    }),
    pendingAssets: t.expose('pendingAssets', {
      type: [AssetRef],
      description: 'The referenced assets that are not `ACTIVE` yet; failed ones are issues.',
    }),
    estimatedVideoTokens: t.exposeInt('estimatedVideoTokens', {
      description: "0-0's own estimate: seconds x 24 fps x 907.5 x (height / 720)^2.",
    }),
  }),
})

builder.queryField('previewVideoTask', (t) =>
  t.field({
    type: VideoTaskPreviewRef,
    complexity: ({ input }) => LEDGER_QUERY + readCostOf(input),
    description:
      'What `createVideoTask` would do with this input, without doing it: nothing is sent that costs money.',
    args: {
      input: t.arg({
        type: CreateVideoTaskInputRef,
        required: true,
        description: 'What would be made.',
      }),
    },
    resolve: (_root, { input }, context) => previewVideoTask(inputOf(input), context),
  }),
)
