import type { CreateVideoTaskRequest } from '../model/requests.ts'

/**
 * Returns the request with the known defaults of absent options, so that the task shows the values that were sent to
 * 0-0. Only the defaults of the Seedance 2.0 models are known (upstream-api 3.1). With `adaptive` the model chooses the
 * ratio. For other models the request is returned unchanged.
 */
export function withDefaults(request: CreateVideoTaskRequest): CreateVideoTaskRequest {
  const { model, duration = 5, resolution = '720p', ratio = 'adaptive' } = request
  return model.startsWith('seedance-2-0') ? { ...request, duration, resolution, ratio } : request
}
