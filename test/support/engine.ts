import { createHash } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

/** True when this test run uses PostgreSQL, false when it uses SQLite. */
export const isPostgres = process.env.TEST_ENGINE === 'postgres'

/** Processes that share a database need the same SECRET_KEY. */
export const SECRET_KEY = Buffer.alloc(32, 7).toString('base64')

/**
 * Settings that put the ledger into the engine under test. SQLite needs none, because its file is in `dataDir`.
 * PostgreSQL gets one database per `dataDir`.
 */
export async function engineSettings(dataDir: string): Promise<Record<string, string>> {
  if (!isPostgres) return {}
  return { DATABASE_URL: await databaseFor(dataDir), SECRET_KEY }
}

/** The URL of the database for `name` on the server of the test run. Creates the database if it does not exist. */
export async function databaseFor(name: string): Promise<string> {
  const server = inject('postgresUrl')
  const database = `test_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
  const client = new Client({ connectionString: server })
  await client.connect()
  await client.query(`create database ${database}`).catch((error) => {
    if (error.code !== '42P04') throw error
  })
  await client.end()
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}
