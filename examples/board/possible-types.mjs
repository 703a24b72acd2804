import { isAbstractType } from 'graphql'

/**
 * A codegen plugin: writes which types an interface or a union can be, so that the cache can match
 * fragments such as `... on Error`.
 */
export function plugin(schema) {
  const abstractTypes = Object.values(schema.getTypeMap()).filter(
    (type) => isAbstractType(type) && !type.name.startsWith('__'),
  )
  const possibleTypes = Object.fromEntries(
    abstractTypes.map((type) => [
      type.name,
      schema.getPossibleTypes(type).map((possible) => possible.name),
    ]),
  )
  return `export const possibleTypes = ${JSON.stringify(possibleTypes, null, 2)}\n`
}
