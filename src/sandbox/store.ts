import { DatabaseSync } from 'node:sqlite'
import type { TaskInput } from './task-input.ts'

/** An asset group. */
export interface GroupRow {
  id: string
  account: string
  platform: string
  name: string
  description: string
  projectName: string
  /** Unix seconds, in all three tables. */
  createdAt: number
}

/** An asset. A Failed one has a failure, an Active one has a file. */
export interface AssetRow {
  id: string
  account: string
  platform: string
  groupId: string
  name: string
  type: string
  url: string
  status: 'Processing' | 'Active' | 'Failed'
  createdAt: number
  /** Unix milliseconds: the asset stays Processing at least until then. */
  settleAt: number
  /** The outcome that a fault set at creation: a reason code, or `Processing` for no end. */
  fate: string | null
  failureCode: string | null
  failureMessage: string | null
  /** Name of the fetched file in `directories.sources`. */
  file: string | null
}

/** A video task. A succeeded one has a video. */
export interface TaskRow {
  id: string
  account: string
  model: string
  input: TaskInput
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'
  createdAt: number
  /** Unix milliseconds: the task stays queued until then. */
  startAt: number
  /** The outcome that was set at creation, by a fault or because an asset cannot be used. */
  fate: 'failed' | 'cancelled' | 'expired' | 'running' | null
  /** The reason, as `Code: message`. Set at creation when `fate` is `failed`. */
  failure: string | null
  /** Name of the rendered file in `directories.media`. */
  video: string | null
}

const TABLES = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS asset_group (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, platform TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL, projectName TEXT NOT NULL, createdAt INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS asset (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, platform TEXT NOT NULL, groupId TEXT NOT NULL,
    name TEXT NOT NULL, type TEXT NOT NULL, url TEXT NOT NULL, status TEXT NOT NULL,
    createdAt INTEGER NOT NULL, settleAt INTEGER NOT NULL, fate TEXT,
    failureCode TEXT, failureMessage TEXT, file TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS task (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, input TEXT NOT NULL,
    status TEXT NOT NULL, createdAt INTEGER NOT NULL, startAt INTEGER NOT NULL, fate TEXT,
    failure TEXT, video TEXT
  ) STRICT;
`

type Row = Record<string, string | number | null>

/**
 * Stores groups, assets and tasks in one SQLite file. Finders return null for an unknown row; all
 * methods throw the errors of SQLite.
 */
export class Store {
  readonly #database: DatabaseSync

  /** Opens the file, or creates it with its tables. Its folder must exist. */
  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    this.#database.exec(TABLES)
  }

  addGroup(group: GroupRow): void {
    this.#insert('asset_group', { ...group })
  }

  /** Searches all accounts when `account` is null. */
  findGroup(id: string, account: string | null, platform: string): GroupRow | null {
    return this.#findOne<GroupRow>(
      'SELECT * FROM asset_group WHERE id = ? AND account = coalesce(?, account) AND platform = ?',
      [id, account, platform],
    )
  }

  addAsset(asset: AssetRow): void {
    this.#insert('asset', { ...asset })
  }

  /** Searches all platforms when none is given, all accounts when `account` is null. */
  findAsset(id: string, account: string | null, platform?: string): AssetRow | null {
    const asset = this.#findOne<AssetRow>(
      'SELECT * FROM asset WHERE id = ? AND account = coalesce(?, account)',
      [id, account],
    )
    return platform === undefined || asset?.platform === platform ? asset : null
  }

  activateAsset(id: string, file: string): void {
    this.#run("UPDATE asset SET status = 'Active', file = ? WHERE id = ?", [file, id])
  }

  failAsset(id: string, code: string, message: string): void {
    this.#run(
      "UPDATE asset SET status = 'Failed', failureCode = ?, failureMessage = ? WHERE id = ?",
      [code, message, id],
    )
  }

  addTask(task: TaskRow): void {
    this.#insert('task', { ...task, input: JSON.stringify(task.input) })
  }

  /** Searches all accounts when none is given. */
  findTask(id: string, account?: string): TaskRow | null {
    const row = this.#findOne<TaskRow & { input: string }>('SELECT * FROM task WHERE id = ?', [id])
    if (!row || (account !== undefined && row.account !== account)) return null
    return { ...row, input: JSON.parse(row.input) }
  }

  startTask(id: string): void {
    this.#run("UPDATE task SET status = 'running' WHERE id = ?", [id])
  }

  finishTask(id: string, end: Pick<TaskRow, 'status' | 'failure' | 'video'>): void {
    this.#run('UPDATE task SET status = ?, failure = ?, video = ? WHERE id = ?', [
      end.status,
      end.failure,
      end.video,
      id,
    ])
  }

  /** Returns the assets and tasks without a terminal status, tasks in the order of their start. */
  listUnfinished(): { assets: AssetRow[]; taskIds: string[] } {
    const select = (sql: string) => this.#database.prepare(sql).all()
    return {
      assets: select("SELECT * FROM asset WHERE status = 'Processing'") as unknown as AssetRow[],
      taskIds: select(
        "SELECT id FROM task WHERE status IN ('queued', 'running') ORDER BY startAt",
      ).map((row) => String(row.id)),
    }
  }

  close(): void {
    this.#database.close()
  }

  #insert(table: string, row: Row): void {
    const columns = Object.keys(row)
    const placeholders = columns.map(() => '?').join(', ')
    this.#run(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${placeholders})`,
      Object.values(row),
    )
  }

  #run(sql: string, values: Array<string | number | null>): void {
    this.#database.prepare(sql).run(...values)
  }

  #findOne<T>(sql: string, values: Array<string | null>): T | null {
    return (this.#database.prepare(sql).get(...values) as T | undefined) ?? null
  }
}
