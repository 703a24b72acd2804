import { previewVideoTask, type VideoTaskPreview } from '../resolvers/preview-video-task.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { LEDGER_QUERY } from './cost.ts'
import { InputIssueRef } from './error-types.ts'
import { CreateVideoTaskInputRef, inputOf, readCostOf } from './video-task-input.ts'

const VideoTaskPreviewRef = builder.objectRef<VideoTaskPreview>('VideoTaskPreview').implement({
  description: 'The result of checking the input of `createVideoTask`.',
  fields: (t) => ({
    submittable: t.exposeBoolean('submittable', {
      description:
        'Whether `createVideoTask` would send the task now: there are no issues and every asset is `ACTIVE`.',
    }),
    issues: t.expose('issues', {
      type: [InputIssueRef],
      description: 'The problems with the input, including assets that are `FAILED`.',
    }),
    pendingAssets: t.expose('pendingAssets', {
      type: [AssetRef],
      description: 'The assets that are not `ACTIVE` yet. Assets that are `FAILED` are issues.',
    }),
    estimatedVideoTokens: t.exposeInt('estimatedVideoTokens', {
      description:
        'The estimated cost in video tokens, by the formula of 0-0: seconds x 24 fps x 907.5 x (height / 720)^2.',
    }),
  }),
})

builder.queryField('previewVideoTask', (t) =>
  t.field({
    type: VideoTaskPreviewRef,
    complexity: ({ input }) => LEDGER_QUERY + readCostOf(input),
    description:
      'Checks the input of `createVideoTask` and estimates the cost. Creates nothing and costs nothing.',
    args: {
      input: t.arg({
        type: CreateVideoTaskInputRef,
        required: true,
        description: 'The video task to check.',
      }),
    },
    resolve: (_root, { input }, context) => previewVideoTask(inputOf(input), context),
  }),
)
