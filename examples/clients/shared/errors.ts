import type { ErrorPartsFragment } from './gql/graphql.ts'

// #region errors
/** What the user can do about an error. The compiler reports an error type of the schema that has no case here. */
export function explain(error: ErrorPartsFragment): string {
  switch (error.__typename) {
    case 'InvalidInputError':
      return `${error.code}: correct ${error.issues.map(({ path }) => path.join('.')).join(', ')}`
    case 'AssetsNotReadyError':
      return `${error.code}: wait for ${error.assets.map(({ name }) => name).join(', ')}`
    case 'RateLimitedError':
    case 'UpstreamUnavailableError':
      return `${error.code}: try again in ${error.retryAfterSeconds} s`
    case 'UpstreamRejectedError':
      return `${error.code}: 0-0 refused it with ${error.upstreamCode ?? 'no code'}`
    case 'NotCancellableError':
      return `${error.code}: the video is ${error.videoTask.status}`
    case 'IdempotencyConflictError':
      return `${error.code}: use another key for another input`
    case 'OutcomeUnknownError':
      return `${error.code}: look for it at 0-0 before you create it again`
    case 'NotFoundError':
    case 'PaymentRequiredError':
      return `${error.code}: ${error.message}`
    default:
      return error satisfies never
  }
}

/** The entity in the result of a mutation. Throws when the result is an error. */
export function created<Result extends { __typename: string }>(result: Result | undefined) {
  if (result === undefined) throw new Error('The response has no data.')
  if (isError(result)) throw new Error(explain(result))
  return result as Exclude<Result, ErrorPartsFragment>
}

/** Whether the result of a mutation is an error. */
export function isError(result: { __typename: string }): result is ErrorPartsFragment {
  return 'code' in result
}
// #endregion
