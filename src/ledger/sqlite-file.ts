import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { CompiledQuery, QueryResult } from 'kysely'

/** An open SQLite file. All calls are synchronous and throw the errors of `node:sqlite`. */
export interface SqliteFile {
  /** Executes one statement. */
  execute<R>(query: CompiledQuery): QueryResult<R>
  /** Executes SQL without parameters or results, e.g. `commit`. */
  run(sql: string): void
  /** Whether a transaction is open. False also after SQLite has rolled it back by itself. */
  isTransaction(): boolean
  close(): void
}

type Values = Parameters<StatementSync['all']>

/**
 * Opens the file, or creates it. Throws when that fails, or when another process holds the lock. Each
 * statement is compiled once and kept, because the ledger has few different statements.
 */
export function openSqliteFile(path: string): SqliteFile {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // With WAL, NORMAL loses no committed transaction when the process is killed. A power failure can
    // lose the last ones (sqlite.org/pragma.html#pragma_synchronous).
    database.exec(
      'pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on',
    )
    // The first read creates the file of the write-ahead log.
    database.exec('select 1 from sqlite_schema')
  } catch (error) {
    database.close()
    throw error
  }
  const statements = new Map<string, { statement: StatementSync; returnsRows: boolean }>()

  function prepare(sql: string) {
    const known = statements.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    const prepared = { statement, returnsRows: statement.columns().length > 0 }
    statements.set(sql, prepared)
    return prepared
  }

  return {
    execute<R>({ sql, parameters }: CompiledQuery): QueryResult<R> {
      const { statement, returnsRows } = prepare(sql)
      const values = parameters as Values
      if (returnsRows) return { rows: statement.all(...values) as R[] }
      const { changes, lastInsertRowid } = statement.run(...values)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    },
    run: (sql) => database.exec(sql),
    isTransaction: () => database.isTransaction,
    close: () => database.close(),
  }
}
