import {
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql'

const known = new WeakMap<GraphQLSchema, ReadonlyMap<string, number>>()

/**
 * How many items the lists of introspection have, by "Type.field": all types and all directives, and of what belongs to
 * a type the average over the types that can have it.
 */
export function introspectionListSizes(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const before = known.get(schema)
  if (before) return before
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
  known.set(schema, sizes)
  return sizes
}

function average(counts: number[]): number {
  return counts.reduce((sum, count) => sum + count, 0) / Math.max(counts.length, 1)
}
