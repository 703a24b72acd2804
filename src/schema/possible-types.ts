import { isAbstractType } from 'graphql'
import { schema } from './index.ts'

/**
 * Returns the object types of each interface and union of the public schema, by name: the option `possibleTypes` of the
 * cache of Apollo Client.
 */
export function possibleTypes(): Record<string, string[]> {
  const types = Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .filter(({ name }) => !name.startsWith('__'))
    .map(
      (type) =>
        [
          type.name,
          schema
            .getPossibleTypes(type)
            .map(({ name }) => name)
            .sort(),
        ] as const,
    )
  return Object.fromEntries(types.sort(([a], [b]) => (a < b ? -1 : 1)))
}
