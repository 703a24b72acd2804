import type { CompiledQuery, Kysely, QueryResult } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

const compiled = new Map<string, CompiledQuery>()

/**
 * Runs a query that is compiled once per process and engine: compiling takes longer than running it. `build` returns the
 * query with any values; `parameters` are the values of this call, in the order in which they stand in the SQL. A name
 * stands for one query.
 */
export function runCompiled<Row>(
  database: Kysely<Tables>,
  name: string,
  build: () => { compile(): CompiledQuery<Row> },
  parameters: readonly unknown[],
): Promise<QueryResult<Row>> {
  const key = `${name} ${isPostgres(database)}`
  let query = compiled.get(key)
  if (query === undefined) {
    query = build().compile()
    compiled.set(key, query)
  }
  return database.executeQuery<Row>({ ...(query as CompiledQuery<Row>), parameters })
}
