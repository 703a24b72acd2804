import { writeFileSync } from 'node:fs'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from './index.ts'

/** Returns the public schema in SDL, sorted by name. `npm run schema` writes it to schema.graphql. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}

if (import.meta.main) {
  writeFileSync(new URL('../../schema.graphql', import.meta.url), printedSchema())
}
