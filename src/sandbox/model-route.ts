import type { Hono } from 'hono'
import { type ApiEnv, toResponse } from './api-context.ts'
import { findCredentialError } from './credential-error.ts'
import type { Faults } from './fault.ts'
import { gatewayError } from './gateway-error.ts'
import type { Reply } from './reply.ts'
import { MODELS } from './task-input.ts'

/**
 * Adds `GET /models`, an OpenAI-style list, and `GET /models/{model}` (upstream-api 1).
 *
 * Both need a valid key. An unknown model is 404. Only the fault switch `runtime` applies here.
 */
export function addModelRoutes(api: Hono<ApiEnv>, faults: Faults): void {
  api.get('/models', (context) => {
    const errorReply = findCredentialError(context.req, faults.runtime())
    return toResponse(context, errorReply ?? listModels())
  })
  api.get('/models/:model', (context) => {
    const runtime = faults.runtime()
    const model = context.req.param('model')
    const errorReply =
      findCredentialError(context.req, runtime) ??
      (MODELS.includes(model) ? null : gatewayError.unknownModel(runtime, model))
    return toResponse(context, errorReply ?? { status: 200, body: modelBody(model) })
  })
}

function listModels(): Reply {
  return { status: 200, body: { object: 'list', data: MODELS.map(modelBody) } }
}

function modelBody(id: string) {
  return { id, object: 'model', created: 1767225600, owned_by: 'uni-api' }
}
