import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { Data } from './app.ts'

export interface ServiceProcess {
  url: string
  pid: number
  /** The log entries. */
  log: Data[]
  /** The text on standard error so far. */
  stderr(): string
  /** Sends a signal that ends the process. Resolves when it has exited. */
  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: string | null }>
  /** Sends a signal that does not end the process. */
  signal(signal: NodeJS.Signals): void
}

/** Starts `src/main.ts` as `npm start` does and waits until it is ready. It is killed when the test ends. */
export async function startProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: { PATH: process.env.PATH, PORT: '0', SANDBOX_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const log: Data[] = []
  const stderr: string[] = []
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr.push(text)
    process.stderr.write(text)
  })
  const url = await ready(child, log)
  return {
    url,
    pid: child.pid as number,
    log,
    stderr: () => stderr.join(''),
    signal: (signal) => void child.kill(signal),
    async kill(signal) {
      const exited = once(child, 'exit')
      child.kill(signal)
      const [code, bySignal] = await exited
      return { code, signal: bySignal }
    },
  }
}

function ready(child: ChildProcess, log: Data[]): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as Data
      log.push(entry)
      if (typeof entry.url === 'string') resolve(entry.url.replace(/\/graphql$/, ''))
    })
    child.once('exit', (code) => reject(new Error(`It ended with ${code} before it was ready.`)))
  })
}
