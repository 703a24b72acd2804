/** Runs the mutation tests of the named rooms, or of all rooms: `npm run mutate -- ledger tracking`. */
import { spawnSync } from 'node:child_process'
import { ROOMS } from './rooms.ts'

const named = process.argv.slice(2)
const unknown = named.filter((room) => !(room in ROOMS))
if (unknown.length > 0) {
  console.error(`Unknown room: ${unknown.join(', ')}. Rooms: ${Object.keys(ROOMS).join(', ')}.`)
  process.exit(2)
}
for (const room of named.length > 0 ? named : Object.keys(ROOMS)) {
  const { status } = spawnSync('stryker', ['run', 'mutate/stryker.config.js'], {
    stdio: 'inherit',
    env: { ...process.env, MUTATE_ROOM: room },
  })
  if (status !== 0) process.exitCode = 1
}
