import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const KEEPER = fileURLToPath(new URL('./postgres-keeper.ts', import.meta.url))

/**
 * Starts a PostgreSQL server on a free port with its files in a temporary folder. `halt` stops it, and `start` starts it again
 * with the same data. `stop` stops it and deletes its files. The exit of this process also stops it.
 */
export async function startPostgres() {
  const port = await freePort()
  const databaseDir = join(tmpdir(), `zerograph-postgres-${randomBytes(6).toString('hex')}`)
  const keeper = fork(KEEPER, [databaseDir, String(port)], { execArgv: [] })
  const request = async (what: 'start' | 'halt') => {
    keeper.send(what)
    await once(keeper, 'message')
  }
  await request('start')
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    start: () => request('start'),
    halt: () => request('halt'),
    async stop() {
      const exited = once(keeper, 'exit')
      keeper.disconnect()
      await exited
      await rm(databaseDir, { recursive: true, force: true })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
