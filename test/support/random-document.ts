import {
  type GraphQLArgument,
  type GraphQLCompositeType,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
} from 'graphql'
import { schema } from '../../src/schema/index.ts'
import type { Data } from './app.ts'

export interface RandomDocument {
  query: string
  variables: Data
}

/** The next number that decides what is generated, less than `below`. Zero when the numbers are used up. */
type Choices = (below: number) => number

const MAX_LEVELS = 9
/** Values that are invalid for every argument type. */
const WRONG = [{ a: 1 }, [[1]], true]

/**
 * Generates a query from the schema with the given numbers. It has aliases, fragments, @skip and @include, and
 * arguments as literals and as variables, whose values are valid, null, missing or invalid.
 */
export function randomDocument(numbers: readonly number[], ids: readonly string[]): RandomDocument {
  let used = 0
  const choose: Choices = (below) => (numbers[used++] ?? 0) % below
  const definitions: string[] = []
  const fragments: string[] = []
  const variables: Data = {}

  /** Defines a variable of this type. Its value is `value`, null, missing or invalid. */
  function variable(type: string, literal: string, value: unknown): string {
    const name = `v${definitions.length}`
    const isOptional = choose(2) === 0
    definitions.push(
      `$${name}: ${type}${isOptional ? ` = ${literal}` : type.endsWith('!') ? '' : '!'}`,
    )
    const kind = choose(12)
    if (kind === 0) variables[name] = null
    else if (kind === 1) variables[name] = WRONG[choose(WRONG.length)]
    else if (kind > 3 || !isOptional) variables[name] = value
    return `$${name}`
  }

  function argument({ name, type }: GraphQLArgument): string {
    const inner = String(getNamedType(type))
    if (inner === 'Int') {
      const size = choose(12)
      return `${name}: ${choose(2) === 0 ? size : variable('Int', String(choose(4)), size)}`
    }
    if (inner === 'ID') {
      const isList = isListType(getNullableType(type))
      const some = Array.from({ length: isList ? choose(6) : 1 }, () => ids[choose(ids.length)])
      const value = isList ? some : some[0]
      const literal = JSON.stringify(value)
      const ofType = isList ? '[ID!]' : 'ID'
      return `${name}: ${choose(2) === 0 ? literal : variable(ofType, literal, value)}`
    }
    const resources = Array.from({ length: choose(5) }, (_, index) => ({
      role: 'REFERENCE',
      assetId: ids.filter((id) => id.startsWith('Asset:'))[index],
    }))
    const literal = JSON.stringify(resources)
      .replaceAll('"REFERENCE"', 'REFERENCE')
      .replace(/"(\w+)":/g, '$1:')
    const given = choose(2) === 0 ? literal : variable('[VideoResourceInput!]', literal, resources)
    return `${name}: { prompt: "A", resources: ${given} }`
  }

  function isTaken({ name, type }: GraphQLArgument): boolean {
    if (String(getNullableType(type)) === 'CreateVideoTaskInput') return true
    if (name === 'id' || name === 'ids') return true
    return name === 'first' ? choose(2) === 0 : name === 'last' && choose(6) === 0
  }

  function directive(): string {
    if (choose(8) !== 7) return ''
    const name = choose(2) === 0 ? 'skip' : 'include'
    const value = choose(2) === 0
    const given = choose(2) === 0 ? value : variable('Boolean', String(choose(2) === 0), value)
    return ` @${name}(if: ${given})`
  }

  function field(type: GraphQLCompositeType, level: number): string {
    const all = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
    const fitting = all.filter(
      ({ type }) => level < MAX_LEVELS || !isCompositeType(getNamedType(type)),
    )
    const nested = fitting.filter(({ type }) => isCompositeType(getNamedType(type)))
    const from = nested.length > 0 && choose(4) > 0 ? nested : fitting
    const chosen = from[choose(from.length || 1)]
    if (!chosen) return '__typename'
    const inner = getNamedType(chosen.type)
    const args = chosen.args.filter(isTaken).map(argument)
    // Two fields with the same name can be merged only when they have the same arguments.
    const alias = args.length > 0 || choose(4) === 3 ? `a${used}: ` : ''
    const head = `${alias}${chosen.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${directive()}`
    return isCompositeType(inner) ? `${head} ${selections(inner, level + 1)}` : head
  }

  function fragment(type: GraphQLCompositeType, level: number): string {
    const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
    const on = objects[choose(objects.length)] ?? type
    const body = selections(on, level)
    if (choose(2) === 0) return `... on ${on.name}${directive()} ${body}`
    const name = `F${fragments.length}`
    fragments.push(`fragment ${name} on ${on.name} ${body}`)
    return `...${name} ...${name}${directive()}`
  }

  function selections(type: GraphQLCompositeType, level: number): string {
    const some = Array.from({ length: 1 + choose(3) }, () =>
      isAbstractType(type) || choose(4) === 3 ? fragment(type, level) : field(type, level),
    )
    return `{ ${some.join(' ')} }`
  }

  const body = selections(schema.getQueryType() as GraphQLCompositeType, 1)
  const head = definitions.length > 0 ? `(${definitions.join(', ')})` : ''
  return { query: `query ${head} ${body} ${fragments.join(' ')}`, variables }
}
