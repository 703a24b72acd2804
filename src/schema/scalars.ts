import { GraphQLError, valueFromASTUntyped } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description:
    'A date and time with its offset from UTC (RFC 3339), for example `"2026-04-30T02:40:00.000Z"`. Output is in UTC with milliseconds.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const date = new Date(typeof value === 'string' && RFC_3339.test(value) ? value : Number.NaN)
    if (!Number.isNaN(date.getTime())) return date
    throw new GraphQLError('Not a date and time with an offset, such as 2026-04-30T02:40:00Z.')
  },
})

/** Without an offset, the time would depend on the time zone of this machine. `new Date` checks the ranges. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

/**
 * Accepts any string as input. upstream/input-limits.ts checks it and reports an invalid URL together with all other
 * issues of the create. An error here would hide the others. Output needs no check, because upstream/wire.ts checks what
 * 0-0 sends.
 */
builder.scalarType('URL', {
  description:
    'An absolute http or https URL. It is stored as it was written. An invalid URL in an input is an issue of `InvalidInputError`.',
  specifiedByURL: 'https://url.spec.whatwg.org/#url-writing',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value === 'string') return value
    throw new GraphQLError('Not a text.')
  },
})

builder.scalarType('JSONObject', {
  description:
    'A JSON object that is passed on unchanged, for example `{ "lingjing": { "seed": 7 } }`.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-4',
  serialize: (value) => value,
  parseValue: asObject,
  parseLiteral: (literal, variables) => asObject(valueFromASTUntyped(literal, variables)),
})

/** More levels than any option of a provider needs. */
const MAX_DEPTH = 32

function asObject(value: unknown): Record<string, unknown> {
  if (!isWithin(value, MAX_DEPTH)) throw new GraphQLError(`Nested deeper than ${MAX_DEPTH}.`)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new GraphQLError('Not a JSON object.')
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((part) => isWithin(part, depth - 1))
}
