import type { TaskUsage } from '../ledger/summarize-usage.ts'
import { invalidInput } from '../model/failure.ts'
import type { Context } from './context.ts'
import { listedTenant } from './list-page.ts'
import { UNKNOWN_MODEL } from './video-task.ts'

/** What the tasks of a tenant have used. */
export interface UsageSummary {
  tasks: number
  succeeded: number
  failed: number
  pending: number
  totalTokens: number
  seconds: number
  /** The model with the most tasks first. */
  byModel: ModelUsage[]
}

/** What the tasks of one model have used. */
export interface ModelUsage {
  model: string
  tasks: number
  totalTokens: number
}

/**
 * Returns the usage of the caller's tasks that were registered from `from` (included) to `to` (not included). Throws
 * INVALID_INPUT when `from` is after `to`, and like `listedTenant`.
 */
export async function summarizeUsage(
  from: Date | null,
  to: Date | null,
  context: Context,
): Promise<UsageSummary> {
  const tenant = listedTenant(context)
  if (from !== null && to !== null && from > to) {
    throw invalidInput([
      { path: ['from'], message: 'The beginning of the period must not be after its end.' },
    ])
  }
  const usages = await context.ledger.summarizeUsage(tenant, { from, to })
  const sum = (name: 'tasks' | 'totalTokens' | 'seconds', of = usages) =>
    of.reduce((total, usage) => total + usage[name], 0)
  const models = Map.groupBy(usages, ({ model }) => model ?? UNKNOWN_MODEL)
  return {
    tasks: sum('tasks'),
    succeeded: sum('tasks', usages.filter(hasSucceeded)),
    failed: sum('tasks', usages.filter(hasFailed)),
    pending: sum('tasks', usages.filter(isPending)),
    totalTokens: sum('totalTokens'),
    seconds: sum('seconds'),
    byModel: Array.from(models, ([model, of]) => ({
      model,
      tasks: sum('tasks', of),
      totalTokens: sum('totalTokens', of),
    })).sort((a, b) => b.tasks - a.tasks || (a.model < b.model ? -1 : 1)),
  }
}

function hasSucceeded({ status }: TaskUsage): boolean {
  return status === 'SUCCEEDED'
}

/** A task whose polling ended early brings no video, so it counts as failed, although its status is not terminal. */
function hasFailed({ status, pollingEnded }: TaskUsage): boolean {
  return pollingEnded && status !== 'SUCCEEDED' && status !== 'CANCELLED'
}

function isPending({ pollingEnded }: TaskUsage): boolean {
  return !pollingEnded
}
