import {
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql'

const cache = new WeakMap<GraphQLSchema, ReadonlyMap<string, number>>()

/**
 * Returns the number of items in each list of introspection, by "Type.field". For a list of all types or all directives
 * it is exact. For a list that belongs to one type or directive it is the average over all of them, and can be a
 * fraction.
 */
export function introspectionListSizes(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const cached = cache.get(schema)
  if (cached) return cached
  const types = Object.values(schema.getTypeMap())
  const objects = types.filter((type) => isObjectType(type) || isInterfaceType(type))
  const fields = objects.map((type) => Object.values(type.getFields()))
  const inputs = types.filter(isInputObjectType)
  const sizes = new Map([
    ['__Schema.types', types.length],
    ['__Schema.directives', schema.getDirectives().length],
    ['__Directive.args', average(schema.getDirectives().map(({ args }) => args.length))],
    ['__Type.fields', average(fields.map(({ length }) => length))],
    ['__Type.interfaces', average(objects.map((type) => type.getInterfaces().length))],
    [
      '__Type.possibleTypes',
      average(types.filter(isAbstractType).map((type) => schema.getPossibleTypes(type).length)),
    ],
    ['__Type.enumValues', average(types.filter(isEnumType).map((type) => type.getValues().length))],
    ['__Type.inputFields', average(inputs.map((type) => Object.keys(type.getFields()).length))],
    ['__Field.args', average(fields.flat().map(({ args }) => args.length))],
  ])
  cache.set(schema, sizes)
  return sizes
}

function average(counts: number[]): number {
  return counts.reduce((sum, count) => sum + count, 0) / Math.max(counts.length, 1)
}
