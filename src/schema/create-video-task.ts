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
    description: 'A video task can only refer to `ACTIVE` assets. Watch these, then try again.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      assets: t.expose('assets', {
        type: [AssetRef],
        description: 'Those that are not `ACTIVE`.',
      }),
    }),
  })

const CreateVideoTaskResultRef = builder.unionType('CreateVideoTaskResult', {
  description: 'The task, or why there is none.',
  types: [VideoTaskRef, AssetsNotReadyErrorRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('VideoTask'),
})

builder.mutationField('createVideoTask', (t) =>
  t.field({
    type: CreateVideoTaskResultRef,
    complexity: ({ input }) => CREATE + readCostOf(input),
    description: 'Has a video made. Costs money; the input is checked whole before it is sent.',
    args: {
      input: t.arg({ type: CreateVideoTaskInputRef, required: true, description: 'What to make.' }),
    },
    resolve: (_root, { input }, context) => createVideoTask(inputOf(input), context),
  }),
)
