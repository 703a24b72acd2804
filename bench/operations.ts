/** The operations that the bench sends. The documents are constant; only the variables differ. */

export type OperationName = 'one' | 'many' | 'trivial' | 'create'

/** A range of assets of the simulated 0-0. */
export interface AssetRange {
  /** The status in their ids. */
  status: 'PROCESSING' | 'ACTIVE' | 'PENDING'
  first: number
  count: number
}

/** The number of assets of the operation *many*. */
export const BATCH = 20

const FIELDS = 'assetId name status url createdAt'
const aliases = Array.from({ length: BATCH }, (_, index) => `a${index}`)

const DOCUMENTS: Record<OperationName, string> = {
  one: `query One($a0: ID!) { asset(id: $a0) { ${FIELDS} } }`,
  many: `query Many(${aliases.map((name) => `$${name}: ID!`).join(' ')}) {
    ${aliases.map((name) => `${name}: asset(id: $${name}) { ${FIELDS} group { groupId name } }`).join('\n')}
  }`,
  trivial: 'query Trivial { __typename }',
  // The load generator finds a failed create by the word "errors", like any other failure.
  create: `mutation Create($url: URL!) {
    createAsset(input: { groupId: "group-0-0", url: $url, type: IMAGE }) {
      ... on Asset { assetId } ... on Error { errors: message }
    }
  }`,
}

const PREFIXES = Object.fromEntries(
  Object.entries(DOCUMENTS).map(([name, query]) => [
    name,
    `{"query":${JSON.stringify(query)},"variables":`,
  ]),
) as Record<OperationName, string>

/** Returns a function that creates bodies of requests. Each reads assets that are drawn at random from the range. */
export function createBodies(name: OperationName, range: AssetRange): () => string {
  const prefix = PREFIXES[name]
  if (name === 'trivial') return () => `${prefix}{}}`
  if (name === 'create') {
    let created = 0
    return () => `${prefix}{"url":"https://files.example.com/${created++}.png"}}`
  }
  const size = name === 'one' ? 1 : BATCH
  return () => {
    // Blocks of successive assets, so that the twenty assets of an operation share four groups.
    const first = range.first + Math.floor((Math.random() * range.count) / size) * size
    return `${prefix}${variables(range.status, first, size)}}`
  }
}

/** The body that reads the twenty assets from `first` on. */
export function bodyOfMany(status: AssetRange['status'], first: number): string {
  return `${PREFIXES.many}${variables(status, first, BATCH)}}`
}

function variables(status: string, first: number, size: number): string {
  let text = `{"a0":"Asset-${status}-${first}"`
  for (let index = 1; index < size; index += 1) {
    text += `,"a${index}":"Asset-${status}-${first + index}"`
  }
  return `${text}}`
}
