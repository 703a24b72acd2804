import { createVideoTask } from '../resolvers/create-video-task.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { CREATE } from './cost.ts'
import { CREATE_ERROR_REFS, ErrorRef, type FailureOf, resultTypeOf } from './error-types.ts'
import { VideoTaskRef } from './video-task.ts'
import { CreateVideoTaskInputRef, inputOf, readCostOf } from './video-task-input.ts'

const AssetsNotReadyErrorRef = builder
  .objectRef<FailureOf<'ASSETS_NOT_READY'>>('AssetsNotReadyError')
  .implement({
    description:
      'The video task refers to assets that are not `ACTIVE`. Nothing was sent. Subscribe to their status, and repeat the create when they are `ACTIVE`.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      assets: t.expose('assets', {
        type: [AssetRef],
        description: 'The assets that are not `ACTIVE`.',
      }),
    }),
  })

/** The result of `createVideoTask` and of `createVideoFromUrls`. */
export const CreateVideoTaskResultRef = builder.unionType('CreateVideoTaskResult', {
  description: 'The created task, or the reason why the create failed.',
  types: [VideoTaskRef, AssetsNotReadyErrorRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('VideoTask'),
})

builder.mutationField('createVideoTask', (t) =>
  t.field({
    type: CreateVideoTaskResultRef,
    complexity: ({ input }) => CREATE + readCostOf(input),
    description:
      'Creates a video task. 0-0 charges for it. The whole input is checked before anything is sent.',
    args: {
      input: t.arg({
        type: CreateVideoTaskInputRef,
        required: true,
        description: 'The video task to create.',
      }),
    },
    resolve: (_root, { input }, context) => createVideoTask(inputOf(input), context),
  }),
)
