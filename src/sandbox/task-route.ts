import { randomBytes } from 'node:crypto'
import type { Call } from './api.ts'
import { ownerOf } from './asset-route.ts'
import type { Switches } from './fault.ts'
import type { Lifecycle, Pace } from './lifecycle.ts'
import { formatTime, gatewayError, providerRefusal, type Reply } from './reply.ts'
import type { Store, TaskRow } from './store.ts'
import {
  estimateTokens,
  findInputProblem,
  MODELS,
  normalizeTaskInput,
  type Resource,
} from './task-input.ts'

const PROVIDER = 'lingjing'

/** The video part: bare objects, as the gateway makes them of what its provider says. */
export function createTaskRoutes(store: Store, lifecycle: Lifecycle, pace: Pace) {
  return {
    createVideoTask: (call: Call): Reply => {
      const { account, body, switches, shape } = call
      const { model, provider } = body
      if (typeof model !== 'string' || model === '') return gatewayError.missingModel(shape)
      if (!MODELS.includes(model)) return gatewayError.unknownModel(shape, model)
      if (typeof provider === 'string' && provider !== PROVIDER && shape !== 'rust') {
        return gatewayError.unknownProvider(provider)
      }
      const input = normalizeTaskInput(body, shape)
      if (shape === 'rust' && input.prompt.trim() === '') return gatewayError.blankPrompt()
      // No task id in the provider's answer: the gateway hands the answer on as it is.
      const problem = findInputProblem(model, input)
      if (problem) return providerRefusal(400, problem)

      const refusal = findRefusal(input.resources, ownerOf(call))
      const forced = switches.taskOutcome
      const task: TaskRow = {
        id: `cgt-${randomBytes(10).toString('hex')}`,
        account,
        model,
        input,
        status: 'queued',
        createdAt: Math.floor(Date.now() / 1000),
        startAt: Date.now() + pace.taskQueuedMs,
        fate: forced ?? (refusal ? 'failed' : null),
        failure: forced === 'failed' ? 'InternalServiceError: asked for by a fault' : refusal,
        video: null,
      }
      store.addTask(task)
      lifecycle.followTask(task.id)
      const createdAt = formatTime(task.createdAt, switches.createdAt)
      return {
        status: 200,
        body: { id: task.id, model, provider: PROVIDER, status: 'queued', created_at: createdAt },
      }
    },

    getVideoTask: ({ id, account, query, origin, switches, shape }: Call): Reply => {
      if (id.length > 128) return gatewayError.invalidTaskId()
      const task = store.findTask(id)
      const isForeign = task !== null && task.account !== account
      const isKnown = task !== null && !(isForeign && shape === 'edge')
      const model = query.model ?? (isKnown ? task.model : undefined)
      // The gateway words any error of its provider as a task that is still running.
      if (switches.maskedPollError && model) return gatewayError.maskedPoll(id, model)
      if (!isKnown) {
        // With a model the gateway asks its provider, whose "unknown" it masks (upstream-api 10.5).
        const isAsked = model !== undefined && shape !== 'edge'
        return isAsked ? gatewayError.maskedPoll(id, model) : gatewayError.unknownTask(shape)
      }
      if (isForeign && shape === 'python') return gatewayError.foreignTask()
      return { status: 200, body: showTask(task, origin, switches) }
    },
  }

  function showTask(task: TaskRow, origin: string, switches: Switches) {
    const { id, model, status, input, failure, video } = task
    return {
      id,
      model,
      provider: PROVIDER,
      status,
      video: video === null ? {} : { url: `${origin}/media/${video}` },
      ...(switches.progress && { progress: progressOf(task) }),
      ...(status === 'succeeded' && { usage: estimateTokens(input) }),
      ...(status === 'failed' && {
        error: { message: switches.failureAsObject ? failureObject(failure) : failure },
      }),
    }
  }

  /** 0 to 100: while it runs, the share of the time that running takes at least. */
  function progressOf({ status, startAt }: TaskRow): number {
    if (status === 'queued') return 0
    if (status !== 'running') return 100
    return Math.min(99, Math.floor(((Date.now() - startAt) / pace.taskRunningMs) * 100))
  }

  /** Why a resource cannot be used now; such a task is accepted and then fails. */
  function findRefusal(resources: Resource[], account: string | null): string | null {
    for (const { type, source } of resources) {
      if (source.kind !== 'asset') continue
      const asset = store.findAsset(source.value, account)
      if (!asset) return `NotFound.asset_id: ${source.value} does not exist`
      if (asset.status !== 'Active') {
        return `InvalidParameter.asset_id: ${asset.id} is ${asset.status}, not Active`
      }
      if (asset.type.toLowerCase() !== type) {
        return `InvalidParameter.asset_id: ${asset.id} is ${asset.type}, used as ${type}`
      }
    }
    return null
  }
}

/** `Code: words` as the object that some providers send (upstream-api 10.4). */
function failureObject(failure: string | null) {
  const [code = '', ...words] = (failure ?? '').split(': ')
  return { code, message: words.join(': ') }
}
