import { ERROR_CODES, type ErrorCodeInfo } from '../model/error-codes.ts'
import { builder } from './builder.ts'
import { FIELD } from './cost.ts'

const ErrorCodeInfoRef = builder.objectRef<ErrorCodeInfo>('ErrorCodeInfo').implement({
  description: 'An error code of this service, and what to do about it.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description:
        'The value of `extensions.code`, for example `RATE_LIMITED`. Includes the codes of requests that fail before their execution, which are not values of `ErrorCode`.',
    }),
    meaning: t.exposeString('meaning', {
      description: 'Why the operation failed, for example `"The balance at 0-0 is too low."`',
    }),
    retryable: t.exposeBoolean('retryable', {
      description:
        'Whether the same operation may succeed later without a change. `retryable` of an error decides for that error.',
    }),
    hint: t.exposeString('hint', {
      description:
        'What to do, for example `"Use a new idempotency key for a new input."` Also in `extensions.hint` of each error.',
    }),
  }),
})

builder.queryField('errorCodes', (t) =>
  t.field({
    type: [ErrorCodeInfoRef],
    complexity: { field: FIELD, multiplier: ERROR_CODES.length },
    description:
      'Every code that an error of this service can have. Needs no credentials. Example: `{ errorCodes { code hint } }`.',
    resolve: () => [...ERROR_CODES],
  }),
)
