import { DEFAULT_RETRY_AFTER_SECONDS, type Failure, type InputIssue } from '../model/failure.ts'
import type { AssetsNotReady } from '../resolvers/create-video-task.ts'
import { builder } from './builder.ts'

const ErrorCodeRef = builder.enumType('ErrorCode', {
  description: 'Every way an operation can fail, here or as `extensions.code` of a GraphQL error.',
  values: {
    UNAUTHENTICATED: { description: 'No API key came with the operation, or 0-0 rejects it.' },
    FORBIDDEN: { description: '0-0 knows the key but does not allow this with it.' },
    INVALID_INPUT: { description: 'Something in the input is wrong; nothing was sent to 0-0.' },
    NOT_FOUND: { description: 'Something the input refers to does not exist.' },
    ASSETS_NOT_READY: { description: 'A referenced asset is not ACTIVE; nothing was sent to 0-0.' },
    PAYMENT_REQUIRED: { description: 'The balance at 0-0 does not suffice.' },
    RATE_LIMITED: { description: '0-0 asks for fewer calls; see `retryAfterSeconds`.' },
    UPSTREAM_REJECTED: { description: '0-0, or a provider behind it, refused the request.' },
    UPSTREAM_UNAVAILABLE: { description: '0-0 cannot be reached; nothing was done.' },
    UPSTREAM_PROTOCOL: { description: '0-0 gave an answer that cannot be understood.' },
    OUTCOME_UNKNOWN: { description: '0-0 may or may not have done it; it is never sent again.' },
    IDEMPOTENCY_CONFLICT: { description: 'The idempotency key was used with another input.' },
    SERVICE_UNAVAILABLE: {
      description: 'This service itself cannot do it now; nothing was done at 0-0.',
    },
  } as const,
})

type AnyFailure = Failure | AssetsNotReady

/** The failure behind the error type with this code. */
export type FailureOf<Code extends AnyFailure['code']> = Extract<AnyFailure, { code: Code }>

export const ErrorRef = builder.interfaceRef<AnyFailure>('Error').implement({
  description: 'Why something was not created.',
  fields: (t) => ({
    message: t.exposeString('message', {
      description: 'For people, in English. Never carries a key, a stack or a web page.',
    }),
    code: t.expose('code', { type: ErrorCodeRef, description: 'For programs.' }),
    retryable: t.exposeBoolean('retryable', {
      description: 'Whether the same call may succeed later, and repeating it is safe.',
    }),
  }),
})

export const InputIssueRef = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'One thing wrong with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where, from the top of the input: `["resources", "0", "role"]`.',
    }),
    message: t.exposeString('message', { description: 'What, for people.' }),
  }),
})

const InvalidInputErrorRef = builder
  .objectRef<FailureOf<'INVALID_INPUT'>>('InvalidInputError')
  .implement({
    description: 'The input breaks one or more rules. All of them are listed.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      issues: t.expose('issues', { type: [InputIssueRef], description: 'Every issue, at once.' }),
    }),
  })

const NotFoundErrorRef = builder.objectRef<FailureOf<'NOT_FOUND'>>('NotFoundError').implement({
  description: 'The input refers to something 0-0 does not know.',
  interfaces: [ErrorRef],
})

const PaymentRequiredErrorRef = builder
  .objectRef<FailureOf<'PAYMENT_REQUIRED'>>('PaymentRequiredError')
  .implement({
    description: 'The balance at 0-0 does not suffice.',
    interfaces: [ErrorRef],
  })

const RateLimitedErrorRef = builder
  .objectRef<FailureOf<'RATE_LIMITED'>>('RateLimitedError')
  .implement({
    description:
      '0-0 or a provider behind it asks for fewer calls. When a provider said it, a group or an asset may have been created all the same, so a repeat may leave a duplicate, which costs nothing.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      retryAfterSeconds: t.exposeFloat('retryAfterSeconds', {
        description: 'What 0-0 asked to wait, or a guess when it did not say.',
      }),
      upstreamMessage: t.string({
        nullable: true,
        description: "0-0's own words, often in Chinese: `上游已达到最大限制`.",
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
      '0-0, or a provider behind it, refused the request and would again. Of `createAssets`, `code` may also say that 0-0 no longer accepts the key.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      upstreamCode: t.string({
        nullable: true,
        description: 'The code it gave, e.g. `InvalidParameter.url` or `9003`.',
        resolve: (failure) => ('upstreamCode' in failure ? failure.upstreamCode : null),
      }),
    }),
  })

const UpstreamUnavailableErrorRef = builder
  .objectRef<FailureOf<'UPSTREAM_UNAVAILABLE' | 'SERVICE_UNAVAILABLE'>>('UpstreamUnavailableError')
  .implement({
    description:
      '0-0, or this service, cannot do it now; `code` tells which. Nothing was created: trying again is safe.',
    interfaces: [ErrorRef],
    fields: (t) => ({
      retryAfterSeconds: t.float({
        description: 'How long it will stay so at least, or a guess when that is not known.',
        // What this service itself cannot do has no such number.
        resolve: (failure) =>
          'retryAfterSeconds' in failure ? failure.retryAfterSeconds : DEFAULT_RETRY_AFTER_SECONDS,
      }),
    }),
  })

const OutcomeUnknownErrorRef = builder
  .objectRef<FailureOf<'OUTCOME_UNKNOWN'>>('OutcomeUnknownError')
  .implement({
    description:
      'The request was sent, and no answer came that tells whether it was done; when a provider answered, `message` says what. It is not sent again by itself. Repeating it without a key, or with another one, may pay twice.',
    interfaces: [ErrorRef],
  })

const IdempotencyConflictErrorRef = builder
  .objectRef<FailureOf<'IDEMPOTENCY_CONFLICT'>>('IdempotencyConflictError')
  .implement({
    description: 'The same `idempotencyKey` was used before with another input.',
    interfaces: [ErrorRef],
  })

/** The error types every create may answer with. */
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

/** The last four are results of `createAssets` alone; elsewhere they are thrown. Their `code` tells them apart. */
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
  UNAUTHENTICATED: 'UpstreamRejectedError',
  FORBIDDEN: 'UpstreamRejectedError',
  UPSTREAM_PROTOCOL: 'UpstreamRejectedError',
  SERVICE_UNAVAILABLE: 'UpstreamUnavailableError',
}

/** Which type a create's answer is of: the error's, or `created` when it is none. */
export function resultTypeOf(created: string) {
  return (result: object) =>
    'retryable' in result ? ERROR_TYPE_NAMES[(result as AnyFailure).code] : created
}
