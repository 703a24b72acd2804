import type { CreateVideoTaskRequest } from '../model/requests.ts'
import { limitsOfVideoModel } from '../model/video-model-limits.ts'

/**
 * Returns the request with the known defaults of absent options, so that the task shows the values that were sent to
 * 0-0. Only the defaults of the Seedance 2.0 models are known (upstream-api 3.1). With `adaptive` the model chooses the
 * ratio. For other models the request is returned unchanged.
 */
export function withDefaults(request: CreateVideoTaskRequest): CreateVideoTaskRequest {
  const defaults = limitsOfVideoModel(request.model).options?.defaults
  if (defaults === undefined) return request
  const { duration, resolution, ratio } = defaults
  return {
    ...request,
    duration: request.duration ?? duration,
    resolution: request.resolution ?? resolution,
    ratio: request.ratio ?? ratio,
  }
}
