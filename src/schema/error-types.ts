import { FAILURE_CODES } from '../model/error-codes.ts'
import { DEFAULT_RETRY_AFTER_SECONDS, type Failure, type InputIssue } from '../model/failure.ts'
import type { AssetsNotReady } from '../resolvers/assets-not-ready.ts'
import type { NotCancellable } from '../resolvers/cancel-video-task.ts'
import { builder } from './builder.ts'

const ErrorCodeRef = builder.enumType('ErrorCode', {
  description:
    'Why an operation failed: the `code` of an `Error`, and `extensions.code` of a GraphQL error.',
  values: describedValues(FAILURE_CODES),
})

/** Returns the values of an enum with their meanings as descriptions. */
function describedValues<Code extends string>(codes: Record<Code, { meaning: string }>) {
  const values = Object.entries<{ meaning: string }>(codes).map(([code, { meaning }]) => [
    code,
    { description: meaning },
  ])
  return Object.fromEntries(values) as Record<Code, { description: string }>
}

type AnyFailure = Failure | AssetsNotReady | NotCancellable

/** The failure with this code. */
export type FailureOf<Code extends AnyFailure['code']> = Extract<AnyFailure, { code: Code }>

/** The interface of all errors that a mutation returns. */
export const ErrorRef = builder.interfaceRef<AnyFailure>('Error').implement({
  description: 'The reason why a mutation failed.',
  fields: (t) => ({
    message: t.exposeString('message', {
      description:
        'An explanation in English, for people. It contains no key, no stack trace and no HTML.',
    }),
    code: t.expose('code', { type: ErrorCodeRef, description: 'The kind of error, for programs.' }),
    retryable: t.exposeBoolean('retryable', {
      description: 'Whether the same create may succeed later and can be repeated safely.',
    }),
  }),
})

/** A problem with an input. */
export const InputIssueRef = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'A problem with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description:
        'The path to the invalid value from the top of the input, for example `["resources", "0", "role"]`.',
    }),
    message: t.exposeString('message', { description: 'An explanation in English, for people.' }),
  }),
})

const InvalidInputErrorRef = builder
  .objectRef<FailureOf<'INVALID_INPUT'>>('InvalidInputError')
  .implement({
    description: 'The input is invalid. Nothing was sent.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      issues: t.expose('issues', {
        type: [InputIssueRef],
        description: 'All problems with the input.',
      }),
    }),
  })

/** The error for an entity that does not exist. */
export const NotFoundErrorRef = builder
  .objectRef<FailureOf<'NOT_FOUND'>>('NotFoundError')
  .implement({
    description: 'The input refers to an entity that 0-0 does not know.',
    interfaces: [ErrorRef],
  })

const PaymentRequiredErrorRef = builder
  .objectRef<FailureOf<'PAYMENT_REQUIRED'>>('PaymentRequiredError')
  .implement({
    description: 'The balance at 0-0 is too low.',
    interfaces: [ErrorRef],
  })

const RateLimitedErrorRef = builder
  .objectRef<FailureOf<'RATE_LIMITED'>>('RateLimitedError')
  .implement({
    description:
      '0-0 or a provider received too many calls. After a rate limit of a provider, a group or an asset may have been created. A repeat may then create a duplicate, which costs nothing.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      retryAfterSeconds: t.exposeFloat('retryAfterSeconds', {
        description:
          'The number of seconds that 0-0 asked to wait, or a default when 0-0 named none.',
      }),
      upstreamMessage: t.string({
        nullable: true,
        description:
          'The original message of 0-0, often in Chinese, for example `上游已达到最大限制`. Null when there is none.',
        resolve: ({ upstreamMessage = null }) => upstreamMessage,
      }),
    }),
  })

const UpstreamRejectedErrorRef = builder
  .objectRef<
    FailureOf<'UPSTREAM_REJECTED' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'UPSTREAM_PROTOCOL'>
  >('UpstreamRejectedError')
  .implement({
    description:
      '0-0 or a provider refused the request, and would refuse it again. As a result of `createAssets`, `code` can also be `UNAUTHENTICATED`, `FORBIDDEN` or `UPSTREAM_PROTOCOL`.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      upstreamCode: t.string({
        nullable: true,
        description:
          'The error code of 0-0 or of the provider, for example `InvalidParameter.url` or `9003`. Null when there is none.',
        resolve: (failure) => ('upstreamCode' in failure ? failure.upstreamCode : null),
      }),
    }),
  })

const UpstreamUnavailableErrorRef = builder
  .objectRef<FailureOf<'UPSTREAM_UNAVAILABLE' | 'SERVICE_UNAVAILABLE'>>('UpstreamUnavailableError')
  .implement({
    description:
      '0-0 (`UPSTREAM_UNAVAILABLE`) or this service (`SERVICE_UNAVAILABLE`) is not available now. Nothing was created, so the create can be repeated safely.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      retryAfterSeconds: t.float({
        description:
          'The number of seconds to wait before the next attempt, or a default when it is not known.',
        // SERVICE_UNAVAILABLE has no retry time.
        resolve: (failure) =>
          'retryAfterSeconds' in failure ? failure.retryAfterSeconds : DEFAULT_RETRY_AFTER_SECONDS,
      }),
    }),
  })

const OutcomeUnknownErrorRef = builder
  .objectRef<FailureOf<'OUTCOME_UNKNOWN'>>('OutcomeUnknownError')
  .implement({
    description:
      'The create was sent, and it is not known whether 0-0 carried it out. `message` contains the answer of a provider if there was one. This service does not send the create again. A repeat without an idempotency key, or with another one, may be paid twice.',
    interfaces: [ErrorRef],
  })

const IdempotencyConflictErrorRef = builder
  .objectRef<FailureOf<'IDEMPOTENCY_CONFLICT'>>('IdempotencyConflictError')
  .implement({
    description: 'The `idempotencyKey` was used before with another input. Nothing was sent.',
    interfaces: [ErrorRef],
  })

/** The error types that every create can return. */
export const CREATE_ERROR_REFS = [
  InvalidInputErrorRef,
  NotFoundErrorRef,
  PaymentRequiredErrorRef,
  RateLimitedErrorRef,
  UpstreamRejectedErrorRef,
  UpstreamUnavailableErrorRef,
  OutcomeUnknownErrorRef,
  IdempotencyConflictErrorRef,
]

/** The last four are results of `createAssets` only. Other creates throw them. */
const ERROR_TYPE_NAMES: Record<AnyFailure['code'], string> = {
  INVALID_INPUT: 'InvalidInputError',
  NOT_FOUND: 'NotFoundError',
  ASSETS_NOT_READY: 'AssetsNotReadyError',
  PAYMENT_REQUIRED: 'PaymentRequiredError',
  RATE_LIMITED: 'RateLimitedError',
  UPSTREAM_REJECTED: 'UpstreamRejectedError',
  UPSTREAM_UNAVAILABLE: 'UpstreamUnavailableError',
  OUTCOME_UNKNOWN: 'OutcomeUnknownError',
  IDEMPOTENCY_CONFLICT: 'IdempotencyConflictError',
  NOT_CANCELLABLE: 'NotCancellableError',
  UNAUTHENTICATED: 'UpstreamRejectedError',
  FORBIDDEN: 'UpstreamRejectedError',
  UPSTREAM_PROTOCOL: 'UpstreamRejectedError',
  SERVICE_UNAVAILABLE: 'UpstreamUnavailableError',
}

/** Returns the `resolveType` of a result union: the error type of a failure, or `created` for a created entity. */
export function resultTypeOf(created: string) {
  return (result: object) =>
    'retryable' in result ? ERROR_TYPE_NAMES[(result as AnyFailure).code] : created
}
