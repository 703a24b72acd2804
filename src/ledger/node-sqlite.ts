import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { type FileWatch, watchFiles } from './file-watch.ts'
import { isLocked } from './storage-failure.ts'
import { LedgerUnavailable } from './unavailable.ts'

export interface SqliteOptions {
  /** The database file; created when missing, in a folder that exists. */
  path: string
  /** How long a statement is retried while another process holds the lock of the file. */
  lockTimeoutMs?: number
  /** How often it is checked that `path` is still the file that was opened. */
  checkFileMs?: number
}

const LOCK_TIMEOUT_MS = 5_000
const LOCK_RETRY_MS = 20
const CHECK_FILE_MS = 1_000

/**
 * Kysely's SQLite over Node's own driver. Three things differ from the dialect that comes with Kysely:
 *
 * - SQLite never waits for the lock of another process, because that wait would block the event loop. A statement that
 *   meets the lock is repeated after a pause, and other statements run meanwhile.
 * - A transaction that SQLite has rolled back by itself (sqlite.org/lang_transaction.html, "Response To Errors Within A
 *   Transaction") is not rolled back again, so the caller gets the error that caused it.
 * - Once the file at `path` is no longer the one that was opened, every statement fails with LedgerUnavailable.
 */
export function createSqliteDialect(options: SqliteOptions): Dialect {
  return {
    createAdapter: () => new SharedConnectionAdapter(),
    createDriver: () => createDriver(options),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

/** Kysely's own lock around a connection would make reads wait for a transaction that waits for the file's lock. */
class SharedConnectionAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

/** The open transaction: while it is open no other connection runs a statement. */
interface OpenTransaction {
  owner: DatabaseConnection
  ended: Promise<void>
  end(): void
}

function createDriver({
  path,
  lockTimeoutMs = LOCK_TIMEOUT_MS,
  checkFileMs = CHECK_FILE_MS,
}: SqliteOptions): Driver {
  let file: SqliteFile
  let watch: FileWatch
  let transaction: OpenTransaction | null = null

  function opened(): SqliteFile {
    if (watch.hasMoved()) throw new LedgerUnavailable('GONE')
    return file
  }

  /** Runs `work` while no transaction is open, again and again as long as another process holds the lock. */
  async function whenFree<T>(work: () => T): Promise<T> {
    let deadline: number | undefined
    while (true) {
      while (transaction) await transaction.ended
      try {
        return work()
      } catch (error) {
        deadline ??= performance.now() + lockTimeoutMs
        if (!isLocked(error) || performance.now() >= deadline) throw error
      }
      await pause(LOCK_RETRY_MS)
    }
  }

  function createConnection(): DatabaseConnection {
    const connection: DatabaseConnection = {
      async executeQuery<R>(query: CompiledQuery) {
        if (transaction?.owner !== connection) return whenFree(() => opened().execute<R>(query))
        // After a rollback by SQLite itself the statement would be committed on its own.
        if (!opened().isTransaction()) throw new Error('The transaction was rolled back by SQLite.')
        return opened().execute<R>(query)
      },
      // biome-ignore lint/correctness/useYield: nothing in the ledger reads row by row.
      async *streamQuery() {
        throw new Error('Rows are not streamed from SQLite.')
      },
    }
    return connection
  }

  return {
    async init() {
      file = await whenFree(() => openFile(path))
      watch = watchFiles([path, `${path}-wal`], checkFileMs)
    },
    acquireConnection: async () => createConnection(),
    releaseConnection: async () => {},

    beginTransaction: (owner) =>
      whenFree(() => {
        // Not deferred: the lock for writing is met here, where the whole transaction can wait for it, or not at all.
        opened().run('begin immediate')
        const { promise: ended, resolve } = Promise.withResolvers<void>()
        transaction = { owner, ended, end: resolve }
      }),
    async commitTransaction() {
      opened().run('commit')
      endTransaction()
    },
    async rollbackTransaction() {
      try {
        if (file.isTransaction()) file.run('rollback')
      } finally {
        endTransaction()
      }
    },

    async destroy() {
      watch.stop()
      file.close()
    },
  }

  function endTransaction(): void {
    transaction?.end()
    transaction = null
  }
}

interface SqliteFile {
  execute<R>(query: CompiledQuery): QueryResult<R>
  run(sql: string): void
  /** False also when SQLite has ended the transaction by itself. */
  isTransaction(): boolean
  close(): void
}

type Values = Parameters<StatementSync['all']>

/** Opens or creates the file. Each statement is compiled once and kept, because the ledger has few of them. */
function openFile(path: string): SqliteFile {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // NORMAL under WAL survives a killed process; only a power cut may cost the last moments.
    database.exec(
      'pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on',
    )
    // The first read creates the file of the write-ahead log.
    database.exec('select 1 from sqlite_schema')
  } catch (error) {
    database.close()
    throw error
  }
  const statements = new Map<string, { statement: StatementSync; givesRows: boolean }>()

  function prepare(sql: string) {
    const known = statements.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    const prepared = { statement, givesRows: statement.columns().length > 0 }
    statements.set(sql, prepared)
    return prepared
  }

  return {
    execute<R>({ sql, parameters }: CompiledQuery): QueryResult<R> {
      const { statement, givesRows } = prepare(sql)
      const values = parameters as Values
      if (givesRows) return { rows: statement.all(...values) as R[] }
      const { changes, lastInsertRowid } = statement.run(...values)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    },
    run: (sql) => database.exec(sql),
    isTransaction: () => database.isTransaction,
    close: () => database.close(),
  }
}
