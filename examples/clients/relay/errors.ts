import { readInlineData } from 'relay-runtime'
import ErrorParts, { type ErrorParts$key } from './__generated__/ErrorParts.graphql.ts'

// #region errors
/** What the user can do about an error. The compiler reports an error code of the schema that has no case here. */
export function explain(key: ErrorParts$key): string {
  const error = readInlineData(ErrorParts, key)
  switch (error.code) {
    case 'INVALID_INPUT':
      return `${error.code}: correct ${error.issues?.map(({ path }) => path.join('.')).join(', ')}`
    case 'ASSETS_NOT_READY':
      return `${error.code}: wait for ${error.assets?.map(({ name }) => name).join(', ')}`
    case 'RATE_LIMITED':
    case 'UPSTREAM_UNAVAILABLE':
    case 'SERVICE_UNAVAILABLE':
      return `${error.code}: try again in ${error.retryAfterSeconds} s`
    case 'UPSTREAM_REJECTED':
    case 'UPSTREAM_PROTOCOL':
      return `${error.code}: 0-0 refused it with ${error.upstreamCode ?? 'no code'}`
    case 'NOT_CANCELLABLE':
      return `${error.code}: the video is ${error.videoTask?.status}`
    case 'IDEMPOTENCY_CONFLICT':
      return `${error.code}: use another key for another input`
    case 'OUTCOME_UNKNOWN':
      return `${error.code}: look for it at 0-0 before you create it again`
    case 'FORBIDDEN':
    case 'NOT_FOUND':
    case 'PAYMENT_REQUIRED':
    case 'UNAUTHENTICATED':
      return `${error.code}: ${error.message}`
    default:
      return error.code satisfies never
  }
}
// #endregion

/** The entity in the result of a mutation. Throws when the result is an error. */
export function created<Entity>(entity: Entity, error: ErrorParts$key | null | undefined) {
  if (entity) return entity
  throw new Error(error ? explain(error) : 'The result has a type that this program does not know.')
}
