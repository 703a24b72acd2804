/** The media types of a result (GraphQL over HTTP). For a range that accepts both, the later one is used. */
const RESULT_TYPES = ['application/graphql-response+json', 'application/json']

/** The types by Accept header: clients use few different values. */
const known = new Map<string, string | null>()
const MAX_KNOWN = 100

/**
 * The media type of a result for an Accept header, as Yoga chooses it: the first accepted type counts. Null when the client
 * accepts neither type.
 */
export function responseTypeOf(accept = '*/*'): string | null {
  const before = known.get(accept)
  if (before !== undefined) return before
  const type = choose(accept)
  if (known.size < MAX_KNOWN) known.set(accept, type)
  return type
}

function choose(accept: string): string | null {
  for (const range of accept.replace(/\s/g, '').toLowerCase().split(',')) {
    const [type = '', ...params] = range.split(';')
    const charset = params.find((param) => param.includes('charset=')) ?? 'charset=utf-8'
    if (charset !== 'charset=utf-8') continue
    const match = RESULT_TYPES.findLast((result) => matches(type, result))
    if (match) return match
  }
  return null
}

function matches(range: string, type: string): boolean {
  return [type, '*/*', `${type.split('/')[0]}/*`].includes(range)
}
