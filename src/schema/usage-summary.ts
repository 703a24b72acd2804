import { type ModelUsage, summarizeUsage, type UsageSummary } from '../resolvers/usage-summary.ts'
import { builder } from './builder.ts'
import { USAGE_QUERY } from './cost.ts'

const ModelUsageRef = builder.objectRef<ModelUsage>('ModelUsage').implement({
  description: 'What the tasks of one model have used.',
  fields: (t) => ({
    model: t.exposeString('model', {
      description:
        'The model, for example `seedance-2-0`. `unknown` for tasks whose model neither 0-0 nor the caller has named.',
    }),
    tasks: t.exposeInt('tasks', { description: 'The number of tasks, for example 12.' }),
    totalTokens: t.exposeFloat('totalTokens', {
      description: 'The sum of the tokens that 0-0 has reported, for example 1306800.',
    }),
  }),
})

const UsageSummaryRef = builder.objectRef<UsageSummary>('UsageSummary').implement({
  description:
    'What the video tasks of your tenant have used. Cancelled tasks count only in `tasks`.',
  fields: (t) => ({
    tasks: t.exposeInt('tasks', {
      description: 'All tasks: `succeeded`, `failed`, `pending`, and those that are `CANCELLED`.',
    }),
    succeeded: t.exposeInt('succeeded', { description: 'The tasks that are `SUCCEEDED`.' }),
    failed: t.exposeInt('failed', {
      description:
        'The tasks that have a `failure`: `FAILED`, `EXPIRED`, and those whose polling ended without a terminal status.',
    }),
    pending: t.exposeInt('pending', {
      description: 'The tasks that wait for their assets, are queued or are running.',
    }),
    totalTokens: t.exposeFloat('totalTokens', {
      description:
        'The sum of `usage.totalTokens`, for example 1306800. It can exceed the range of `Int`.',
    }),
    seconds: t.exposeFloat('seconds', {
      description:
        'The sum of the durations of the videos of `SUCCEEDED` tasks in seconds, for example 60. The requested duration counts when 0-0 does not report one.',
    }),
    byModel: t.expose('byModel', {
      type: [ModelUsageRef],
      description: 'The same for each model, the one with the most tasks first.',
    }),
  }),
})

builder.queryField('usage', (t) =>
  t.field({
    type: UsageSummaryRef,
    complexity: USAGE_QUERY,
    description:
      'Sums up the video tasks that your tenant registered through this service in a period, as last observed. Example: `usage(from: "2026-11-01T00:00:00Z", to: "2026-12-01T00:00:00Z") { tasks totalTokens }`.',
    args: {
      from: t.arg({
        type: 'DateTime',
        description:
          'The beginning of the period, included. Tasks count by the time of their registration. No limit when omitted.',
      }),
      to: t.arg({
        type: 'DateTime',
        description:
          'The end of the period, not included. No limit when omitted. `from` after `to` is `INVALID_INPUT`.',
      }),
    },
    resolve: (_root, { from, to }, context) => summarizeUsage(from ?? null, to ?? null, context),
  }),
)
