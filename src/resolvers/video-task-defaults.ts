import type { CreateVideoTaskRequest } from '../model/requests.ts'

/**
 * The request with every option that has a known default: what is sent to 0-0 is then also what the task shows. Known are
 * those of the Seedance 2.0 models (upstream-api 3.1); `adaptive` leaves the ratio to the model. For other models what is
 * left out is not sent.
 */
export function withDefaults(request: CreateVideoTaskRequest): CreateVideoTaskRequest {
  const { model, duration = 5, resolution = '720p', ratio = 'adaptive' } = request
  return model.startsWith('seedance-2-0') ? { ...request, duration, resolution, ratio } : request
}
