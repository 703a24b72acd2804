import { createHash } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

/** The engine this run of the tests is for. */
export const isPostgres = process.env.TEST_ENGINE === 'postgres'

/** Every process that shares a database needs the same. */
export const SECRET_KEY = Buffer.alloc(32, 7).toString('base64')

/**
 * What makes the service keep its ledger in the engine under test: nothing for SQLite, whose file is in `dataDir`; for
 * PostgreSQL a database of its own, the same again for the same folder.
 */
export async function engineSettings(dataDir: string): Promise<Record<string, string>> {
  if (!isPostgres) return {}
  return { DATABASE_URL: await databaseFor(dataDir), SECRET_KEY }
}

/** The URL of the database with this name on the server of the run, created when it is not there. */
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
