// `npm run prepare`, which npm runs at the end of `npm ci` too: generates the types of the client examples and builds
// the board. It does nothing without the development packages (`npm ci --omit=dev`) or without the sources (a layer of
// an image that has the package files only). Runs on every version of Node that npm runs on.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const examples = fileURLToPath(new URL('.', import.meta.url))
const clients = join(examples, 'clients')
const board = join(examples, 'board')
const packages = join(examples, '..', 'node_modules')
const ownNode = join(packages, '.bin', 'node')
const node = existsSync(ownNode) ? ownNode : process.execPath

if (existsSync(join(packages, 'vite'))) {
  if (existsSync(join(clients, 'generate.mjs'))) run(clients, ['generate.mjs'])
  if (existsSync(join(board, 'index.html'))) {
    run(board, [join(packages, '@graphql-codegen/cli/cjs/bin.js'), '--config', 'codegen.ts'])
    run(board, [join(packages, 'vite/bin/vite.js'), 'build', '--logLevel', 'warn'])
  }
}

/** Runs a program in `cwd`. Shows its output and ends this process when the program fails. */
function run(cwd, args) {
  const { status, error, stdout, stderr } = spawnSync(node, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status === 0) return
  console.error(`node ${args.join(' ')} failed:\n${error ?? `${stdout}${stderr}`}`)
  process.exit(1)
}
