import { cancelVideoTask } from '../resolvers/cancel-video-task.ts'
import { builder } from './builder.ts'
import { LEDGER_QUERY, UPSTREAM_CALL } from './cost.ts'
import { ErrorRef, type FailureOf, NotFoundErrorRef, resultTypeOf } from './error-types.ts'
import { VideoTaskRef } from './video-task.ts'

const NotCancellableErrorRef = builder
  .objectRef<FailureOf<'NOT_CANCELLABLE'>>('NotCancellableError')
  .implement({
    description:
      'The task was sent to 0-0, which has no way to stop it, or the task has ended. Nothing was changed. Example: `... on NotCancellableError { message videoTask { status } }`.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      videoTask: t.expose('videoTask', {
        type: VideoTaskRef,
        description: 'The task, which is unchanged. Its `status` says how far it is.',
      }),
    }),
  })

const CancelVideoTaskResultRef = builder.unionType('CancelVideoTaskResult', {
  description: 'The cancelled task, or the reason why it was not cancelled.',
  types: [VideoTaskRef, NotFoundErrorRef, NotCancellableErrorRef],
  resolveType: resultTypeOf('VideoTask'),
})

builder.mutationField('cancelVideoTask', (t) =>
  t.field({
    type: CancelVideoTaskResultRef,
    complexity: LEDGER_QUERY + UPSTREAM_CALL,
    description:
      'Cancels a task that is `WAITING_FOR_ASSETS`, so that it is never sent to 0-0 and costs nothing. Returns the task with the status `CANCELLED`, also when it was cancelled before. A task that was sent cannot be cancelled. Example: `cancelVideoTask(id: "VideoTask:zg-ab12") { ... on VideoTask { status } ... on Error { code message } }`.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id of the task at 0-0.' }),
    },
    resolve: (_root, { id }, context) => cancelVideoTask(id, context),
  }),
)
