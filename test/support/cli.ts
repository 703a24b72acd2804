import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { type Data, KEY, until } from './app.ts'

/** A running command line. */
export interface CliProcess {
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves when the text has appeared on standard output or standard error. */
  shown(text: string | RegExp): Promise<void>
  ended: Promise<CliResult>
}

/** What a command printed, and its exit code. */
export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
  /** The objects of a `--json` output. */
  events: Data[]
}

/** Starts the command line as `npx zerograph` does. Null as `key` sets none. It is killed when the test ends. */
export function startCli(
  url: string,
  args: string[],
  key: string | null = KEY,
  input: string | null = null,
): CliProcess {
  const child = spawn(process.execPath, ['cli/zerograph.js', ...args], {
    env: {
      PATH: process.env.PATH,
      ZEROGRAPH_URL: url,
      ...(key !== null && { ZEROGRAPH_KEY: key }),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.end(input ?? '')
  const texts = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr += text
  })
  return {
    process: child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    shown: (text) => until(() => `${texts.stdout}${texts.stderr}`.match(text) !== null, 15_000),
    ended: once(child, 'close').then(([code]) => {
      const isJson = args.includes('--json')
      const lines = isJson ? texts.stdout.trim().split('\n').filter(Boolean) : []
      return { ...texts, code, events: lines.map((line) => JSON.parse(line) as Data) }
    }),
  }
}

/** Runs the command line to its end. */
export function runCli(...args: Parameters<typeof startCli>): Promise<CliResult> {
  return startCli(...args).ended
}
