#!/usr/bin/env node
// Starts the command line with a Node that runs TypeScript. Plain JavaScript, so that an older Node can read this file.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 24
const main = fileURLToPath(new URL('main.ts', import.meta.url))
// npm installs a newer Node there (optionalDependencies).
const installed = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

if (/[\\/]node_modules[\\/]/.test(main)) {
  explain(
    'Node does not run TypeScript files below node_modules. Clone the project and run it there.',
  )
} else if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) {
  await import('./main.ts').catch((error) => {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error
    explain(`Run "npm ci" first. ${error.message}`)
  })
} else if (existsSync(installed)) {
  runWith(installed)
} else {
  explain(`This is Node ${process.versions.node}. Run "npm ci", or install Node ${OLDEST_NODE}.`)
}

/** @param {string} text */
function explain(text) {
  console.error(text)
  process.exitCode = 2
}

/** @param {string} node */
function runWith(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends SIGINT to both processes. This one waits for the other, which prints how to go on.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', (error) => explain(String(error)))
  child.on('exit', (code, signal) => {
    process.removeAllListeners()
    if (signal) process.kill(process.pid, signal)
    else process.exitCode = code ?? 1
  })
}
