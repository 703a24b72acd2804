import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/**
 * Opens the SQLite file at `path` with Node's own driver, in the shape Kysely's SQLite dialect asks for.
 * Statements are compiled once and kept: the ledger says the same few sentences over and over.
 */
export function openNodeSqlite(path: string): SqliteDatabase {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  // NORMAL under WAL survives a killed process; only a power cut may cost the last moments.
  database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on')
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = statements.get(sql)
      if (known) return known
      const statement = adapt(database.prepare(sql))
      statements.set(sql, statement)
      return statement
    },
  }
}

type Values = Parameters<StatementSync['all']>

function adapt(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as Values)),
    run: (parameters) => statement.run(...(parameters as Values)),
    iterate: (parameters) => statement.iterate(...(parameters as Values)),
  }
}
