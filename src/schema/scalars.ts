import { GraphQLError, valueFromASTUntyped } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A moment in ISO 8601 with UTC, e.g. `"2026-04-30T02:40:00.000Z"`.',
  serialize: (value) => value.toISOString(),
  parseValue(value) {
    const date = new Date(typeof value === 'string' ? value : Number.NaN)
    if (Number.isNaN(date.getTime())) throw new GraphQLError('Not a date and time in ISO 8601.')
    return date
  },
})

/**
 * As an input any text passes: what is wrong with it is an issue of the create, beside all the others, where a refusal here
 * would hide those. What is given out was checked when it came in, from callers (upstream/input-limits.ts) and from 0-0 (upstream/wire.ts).
 */
builder.scalarType('URL', {
  description:
    'An absolute http or https URL, kept as it was written. An input that is none is an issue of its `InvalidInputError`.',
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value === 'string') return value
    throw new GraphQLError('Not a text.')
  },
})

builder.scalarType('JSONObject', {
  description: 'A JSON object, passed on as it is, e.g. `{ "lingjing": { "seed": 7 } }`.',
  serialize: (value) => value,
  parseValue: asObject,
  parseLiteral: (literal, variables) => asObject(valueFromASTUntyped(literal, variables)),
})

/** Deeper than any option of a provider. */
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
