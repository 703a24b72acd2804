import { writeFileSync } from 'node:fs'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from './index.ts'

/** The public schema as text, sorted, with descriptions. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}

if (import.meta.main) {
  writeFileSync(new URL('../../schema.graphql', import.meta.url), printedSchema())
}
