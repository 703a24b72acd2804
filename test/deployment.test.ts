import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { type Data, temporaryFolder } from './support/app.ts'

test('SIGTERM to npm start shuts the service down gracefully', async () => {
  const npm = run('npm', ['start'], process.cwd())
  await npm.line('ready')

  npm.child.kill('SIGTERM')

  await npm.line('stopped')
  await npm.exited
})

test('the service starts with only the files that the Dockerfile copies, without a second Node', async () => {
  const dockerfile = readFileSync('Dockerfile', 'utf8')
  const app = temporaryFolder()
  for (const [, files = ''] of dockerfile.matchAll(/^COPY (.+) \S+$/gm)) {
    for (const file of files.split(' ')) cpSync(file, join(app, file), { recursive: true })
  }
  const [, install = ''] = /^RUN (npm ci .+)$/m.exec(dockerfile) ?? []
  execFileSync('sh', ['-c', install], { cwd: app, stdio: 'pipe' })
  const [, command = '[]'] = /^CMD (.+)$/m.exec(dockerfile) ?? []
  const [, ...args] = JSON.parse(command) as string[]

  const service = run(process.execPath, args, app)

  await service.line('ready')
  expect(existsSync(join(app, 'node_modules/.bin/node'))).toBe(false)
  expect(
    readdirSync(join(app, 'node_modules')).filter((name) => name.startsWith('node-linux')),
  ).toEqual([])
}, 120_000)

/** Starts a program in `cwd` with a sandbox. Kills it when the test ends if it still runs. */
function run(program: string, args: string[], cwd: string) {
  const child = spawn(program, args, {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PORT: '0',
      SANDBOX_PORT: '0',
      DATA_DIR: temporaryFolder(),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A separate process group, so that the child processes of npm are killed too.
    detached: true,
  })
  onTestFinished(() => killGroup(child.pid))
  const lines: Data[] = []
  const reader = createInterface({ input: child.stdout })
  // npm itself prints lines that are not JSON.
  reader.on('line', (line) => line.startsWith('{') && lines.push(JSON.parse(line)))
  const exited = once(child, 'exit')
  return {
    child,
    exited,
    /** Resolves after a log line whose message starts with `begin`. */
    async line(begin: string): Promise<void> {
      while (!lines.some(({ msg }) => msg.startsWith(begin))) await once(reader, 'line')
    },
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The process group has already ended.
  }
}
