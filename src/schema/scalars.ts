import { GraphQLError, type ValueNode, valueFromASTUntyped } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description:
    'A date and time with its offset from UTC (RFC 3339), for example `"2026-04-30T02:40:00.000Z"`. Output is in UTC with milliseconds.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => asDate(value),
  parseLiteral: (node, variables) => asDate(valueFromASTUntyped(node, variables), node),
})

function asDate(value: unknown, node?: ValueNode): Date {
  const date = new Date(typeof value === 'string' && RFC_3339.test(value) ? value : Number.NaN)
  if (!Number.isNaN(date.getTime())) return date
  throw invalid('Not a date and time with an offset, such as 2026-04-30T02:40:00Z.', node)
}

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
  parseValue: (value) => asText(value),
  parseLiteral: (node, variables) => asText(valueFromASTUntyped(node, variables), node),
})

function asText(value: unknown, node?: ValueNode): string {
  if (typeof value === 'string') return value
  throw invalid('Not a text.', node)
}

builder.scalarType('JSONObject', {
  description:
    'A JSON object that is passed on unchanged, for example `{ "lingjing": { "seed": 7 } }`.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-4',
  serialize: (value) => value,
  parseValue: (value) => asObject(value),
  parseLiteral: (node, variables) => asObject(valueFromASTUntyped(node, variables), node),
})

/** More levels than any option of a provider needs. */
const MAX_DEPTH = 32

function asObject(value: unknown, node?: ValueNode): Record<string, unknown> {
  if (!isWithin(value, MAX_DEPTH)) throw invalid(`Nested deeper than ${MAX_DEPTH}.`, node)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw invalid('Not a JSON object.', node)
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((part) => isWithin(part, depth - 1))
}

/** Returns the error of a value. The node is the position of a value in the document, which its message does not name. */
function invalid(message: string, node: ValueNode | undefined): GraphQLError {
  return new GraphQLError(message, node && { nodes: node })
}
