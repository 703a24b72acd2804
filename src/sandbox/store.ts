import { DatabaseSync } from 'node:sqlite'
import type { TaskInput } from './task-input.ts'

export interface GroupRow {
  id: string
  account: string
  platform: string
  name: string
  description: string
  projectName: string
  /** Seconds since 1970, as everything named `createdAt` here. */
  createdAt: number
}

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
  /** Milliseconds since 1970: Processing lasts at least until then. */
  settleAt: number
  /** What a fault has decided beforehand: a reason code, or `Processing` for ever. */
  fate: string | null
  failureCode: string | null
  failureMessage: string | null
  /** Name of the fetched file. */
  file: string | null
}

export interface TaskRow {
  id: string
  account: string
  model: string
  input: TaskInput
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'
  createdAt: number
  /** Milliseconds since 1970: queued until then. */
  startAt: number
  /** What was decided when it was created, by a fault or by an input that is refused. */
  fate: 'failed' | 'cancelled' | 'expired' | 'running' | null
  failure: string | null
  /** Name of the rendered file. */
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

/** What the sandbox remembers, in one SQLite file. */
export class Store {
  readonly #database: DatabaseSync

  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    this.#database.exec(TABLES)
  }

  addGroup(group: GroupRow): void {
    this.#insert('asset_group', { ...group })
  }

  /** Of any account when `account` is null. */
  findGroup(id: string, account: string | null, platform: string): GroupRow | null {
    return this.#one<GroupRow>(
      'SELECT * FROM asset_group WHERE id = ? AND account = coalesce(?, account) AND platform = ?',
      [id, account, platform],
    )
  }

  addAsset(asset: AssetRow): void {
    this.#insert('asset', { ...asset })
  }

  /** On any platform when none is given, of any account when `account` is null. */
  findAsset(id: string, account: string | null, platform?: string): AssetRow | null {
    const asset = this.#one<AssetRow>(
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

  findTask(id: string, account?: string): TaskRow | null {
    const row = this.#one<TaskRow & { input: string }>('SELECT * FROM task WHERE id = ?', [id])
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

  /** What a restart has to take up again. */
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

  #one<T>(sql: string, values: Array<string | null>): T | null {
    return (this.#database.prepare(sql).get(...values) as T | undefined) ?? null
  }
}
