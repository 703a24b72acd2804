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
import { openSqliteFile, type SqliteFile } from './sqlite-file.ts'
import { isLocked } from './storage-failure.ts'
import { LedgerUnavailable } from './unavailable.ts'

/** Options of the SQLite dialect. */
export interface SqliteOptions {
  /** The database file; created when missing. Its folder must exist. */
  path: string
  /** Milliseconds for which a statement is retried while another process holds the lock of the file. */
  lockTimeoutMs?: number
  /** Milliseconds between two checks that `path` is still the file that was opened. */
  checkFileMs?: number
}

const LOCK_TIMEOUT_MS = 5_000
const LOCK_RETRY_MS = 20
const CHECK_FILE_MS = 1_000

/**
 * Creates a Kysely dialect for SQLite that uses `node:sqlite`. It differs from Kysely's own SQLite dialect
 * in three points:
 *
 * - SQLite itself never waits for the lock of another process, because that wait would block the event
 *   loop. A statement that finds the file locked is retried after a pause. Other statements can run
 *   during the pause.
 * - A transaction that SQLite has rolled back by itself (sqlite.org/lang_transaction.html, "Response To
 *   Errors Within A Transaction") is not rolled back again. The caller gets the error that caused the
 *   rollback.
 * - When the file at `path` was deleted or replaced, every statement throws LedgerUnavailable.
 */
export function createSqliteDialect(options: SqliteOptions): Dialect {
  return {
    createAdapter: () => new SharedConnectionAdapter(),
    createDriver: () => new NodeSqliteDriver(options),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

/**
 * Disables the lock that Kysely places around a single connection. With it, reads would wait while a
 * transaction waits for the lock of the file.
 */
class SharedConnectionAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

/** The open transaction. Until it ends, only its owner may execute statements. */
interface OpenTransaction {
  owner: DatabaseConnection
  /** Resolves when the transaction ends. */
  ended: Promise<void>
  /** Resolves `ended`. */
  end(): void
}

/** All Kysely connections share one SQLite connection. The driver lets one transaction use it at a time. */
class NodeSqliteDriver implements Driver {
  readonly #path: string
  readonly #lockTimeoutMs: number
  readonly #checkFileMs: number
  // `init` sets these two; Kysely calls it before any other method.
  #file!: SqliteFile
  #fileWatch!: FileWatch
  #transaction: OpenTransaction | null = null

  constructor({
    path,
    lockTimeoutMs = LOCK_TIMEOUT_MS,
    checkFileMs = CHECK_FILE_MS,
  }: SqliteOptions) {
    this.#path = path
    this.#lockTimeoutMs = lockTimeoutMs
    this.#checkFileMs = checkFileMs
  }

  async init(): Promise<void> {
    this.#file = await this.#whenUnlocked(() => openSqliteFile(this.#path))
    this.#fileWatch = watchFiles([this.#path, `${this.#path}-wal`], this.#checkFileMs)
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new NodeSqliteConnection(this)
  }

  async releaseConnection(): Promise<void> {}

  /** Executes a statement of the open transaction, or any other statement when no transaction is open. */
  async execute<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#transaction?.owner !== connection) {
      return this.#whenUnlocked(() => this.#checkedFile().execute<R>(query))
    }
    const file = this.#checkedFile()
    // Without this check, the statement would commit on its own after SQLite has rolled back.
    if (!file.isTransaction()) throw new Error('The transaction was rolled back by SQLite.')
    return file.execute<R>(query)
  }

  beginTransaction(owner: DatabaseConnection): Promise<void> {
    return this.#whenUnlocked(() => {
      // IMMEDIATE takes the lock for writing now. Only `begin` can be retried: a later statement that
      // finds the file locked would fail the whole transaction.
      this.#checkedFile().run('begin immediate')
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      this.#transaction = { owner, ended, end: resolve }
    })
  }

  async commitTransaction(): Promise<void> {
    this.#checkedFile().run('commit')
    this.#endTransaction()
  }

  async rollbackTransaction(): Promise<void> {
    try {
      if (this.#file.isTransaction()) this.#file.run('rollback')
    } finally {
      this.#endTransaction()
    }
  }

  async destroy(): Promise<void> {
    this.#fileWatch.stop()
    this.#file.close()
  }

  /** Returns the open file. Throws LedgerUnavailable when it was deleted or replaced. */
  #checkedFile(): SqliteFile {
    if (this.#fileWatch.hasMoved()) throw new LedgerUnavailable('GONE')
    return this.#file
  }

  /**
   * Calls `work` when no transaction is open. Retries it while another process holds the lock of the file.
   * After `lockTimeoutMs`, throws the error of the last attempt.
   */
  async #whenUnlocked<T>(work: () => T): Promise<T> {
    let deadline: number | undefined
    while (true) {
      while (this.#transaction) await this.#transaction.ended
      try {
        return work()
      } catch (error) {
        deadline ??= performance.now() + this.#lockTimeoutMs
        if (!isLocked(error) || performance.now() >= deadline) throw error
      }
      await pause(LOCK_RETRY_MS)
    }
  }

  #endTransaction(): void {
    this.#transaction?.end()
    this.#transaction = null
  }
}

/** A connection as Kysely requires it. Its identity tells the driver which statements belong to a transaction. */
class NodeSqliteConnection implements DatabaseConnection {
  readonly #driver: NodeSqliteDriver

  constructor(driver: NodeSqliteDriver) {
    this.#driver = driver
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#driver.execute(this, query)
  }

  // biome-ignore lint/correctness/useYield: the ledger does not read row by row.
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('Rows are not streamed from SQLite.')
  }
}
