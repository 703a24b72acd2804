import type { CreateFailureFragment } from '../gql/graphql.ts'
import { graphql } from '../gql/index.ts'
import { type Problem, retryAtOf } from './problem.ts'

/** All errors that a create can return. */
export const CreateFailure = graphql(`
  fragment CreateFailure on Error {
    __typename
    code
    message
    ... on InvalidInputError {
      issues {
        path
        message
      }
    }
    ... on RateLimitedError {
      retryAfterSeconds
    }
    ... on UpstreamUnavailableError {
      retryAfterSeconds
    }
    ... on AssetsNotReadyError {
      unready: assets {
        id
        name
        status
      }
    }
  }
`)

/** Returns the problem of a create. The compiler names each error type that has no case here. */
export function problemOfFailure(failure: CreateFailureFragment): Problem {
  const { code, message } = failure
  const problem: Problem = { code, message, issues: [], retryAt: null }
  switch (failure.__typename) {
    case 'InvalidInputError':
      return { ...problem, issues: failure.issues }
    case 'RateLimitedError':
    case 'UpstreamUnavailableError':
      return { ...problem, retryAt: retryAtOf(failure.retryAfterSeconds) }
    case 'AssetsNotReadyError': {
      const names = failure.unready.map(({ id, name }) => name || id).join(', ')
      return { ...problem, message: `${message} Not ready: ${names}.` }
    }
    case 'PaymentRequiredError':
    case 'IdempotencyConflictError':
    case 'NotCancellableError':
    case 'NotFoundError':
    case 'OutcomeUnknownError':
    case 'UpstreamRejectedError':
      return problem
  }
}
