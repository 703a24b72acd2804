import { randomBytes } from 'node:crypto'
import type { ApiRequest, ApiRoutes } from './api-request.ts'
import { accountFilter } from './asset-route.ts'
import { gatewayError } from './gateway-error.ts'
import type { Lifecycle, Pace } from './lifecycle.ts'
import { formatTime, providerError, type Reply } from './reply.ts'
import type { Store, TaskRow } from './store.ts'
import { PROVIDER, taskBody } from './task-body.ts'
import { findInputError, MODELS, normalizeTaskInput, type TaskInput } from './task-input.ts'

/**
 * Builds the handlers of the two video task routes. They reply with bare objects, without the
 * envelope of groups and assets (upstream-api 3).
 */
export function createTaskRoutes(
  store: Store,
  lifecycle: Lifecycle,
  pace: Pace,
  reportsProgress: boolean,
): Pick<ApiRoutes, 'createVideoTask' | 'getVideoTask'> {
  return {
    createVideoTask: (request) => {
      const { body, switches, runtime } = request
      const { model, provider } = body
      if (typeof model !== 'string' || model === '') return gatewayError.missingModel(runtime)
      if (!MODELS.includes(model)) return gatewayError.unknownModel(runtime, model)
      if (typeof provider === 'string' && provider !== PROVIDER && runtime !== 'rust') {
        return gatewayError.unknownProvider(provider)
      }
      const input = normalizeTaskInput(body, runtime)
      if (runtime === 'rust' && input.prompt.trim() === '') return gatewayError.blankPrompt()
      // The gateway relays a provider's reply without a task id unchanged (upstream-api 3.3).
      const inputError = findInputError(model, input)
      if (inputError) return providerError(400, inputError)

      const task = createTask(request, { model, input, store, pace })
      store.addTask(task)
      lifecycle.processTask(task.id)
      const createdAt = formatTime(task.createdAt, switches.createdAt)
      return {
        status: 200,
        body: { id: task.id, model, provider: PROVIDER, status: 'queued', created_at: createdAt },
      }
    },
    getVideoTask: (request) => getVideoTask(request, store, { pace, reportsProgress }),
  }
}

interface NewTask {
  model: string
  input: TaskInput
  store: Store
  pace: Pace
}

function createTask(request: ApiRequest, { model, input, store, pace }: NewTask): TaskRow {
  const assetError = findAssetError(input, accountFilter(request), store)
  const forced = request.switches.taskOutcome
  return {
    id: `cgt-${randomBytes(10).toString('hex')}`,
    account: request.account,
    model,
    input,
    status: 'queued',
    createdAt: Math.floor(Date.now() / 1000),
    startAt: Date.now() + pace.taskQueuedMs,
    fate: forced ?? (assetError ? 'failed' : null),
    failure: forced === 'failed' ? 'InternalServiceError: asked for by a fault' : assetError,
    video: null,
  }
}

function getVideoTask(
  request: ApiRequest,
  store: Store,
  { pace, reportsProgress }: { pace: Pace; reportsProgress: boolean },
): Reply {
  const { id, account, query, origin, switches, runtime } = request
  if (id.length > 128) return gatewayError.invalidTaskId()
  const task = store.findTask(id)
  const isForeign = task !== null && task.account !== account
  const isKnown = task !== null && !(isForeign && runtime === 'edge')
  const model = query.model ?? (isKnown ? task.model : undefined)
  // The gateway turns any error of its provider into a running task (upstream-api 3.5).
  if (switches.maskedPollError && model) return gatewayError.maskedPoll(id, model)
  if (!isKnown) {
    // With a model the gateway asks its provider and masks the "unknown" (upstream-api 10.5).
    const asksProvider = model !== undefined && runtime !== 'edge'
    return asksProvider ? gatewayError.maskedPoll(id, model) : gatewayError.unknownTask(runtime)
  }
  if (isForeign && runtime === 'python') return gatewayError.foreignTask()
  return { status: 200, body: taskBody(task, { origin, switches, pace, reportsProgress }) }
}

/** Why an asset of the task cannot be used, or null. Such a task is accepted and then fails. */
function findAssetError(
  { resources }: TaskInput,
  account: string | null,
  store: Store,
): string | null {
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
