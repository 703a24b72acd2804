import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
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
  const [, dockerfile = ''] = stagesOfDockerfile()
  const app = copiedFiles(dockerfile)
  const [, install = ''] = /^RUN (npm ci .+)$/m.exec(dockerfile) ?? []
  execFileSync('sh', ['-c', install], { cwd: app, stdio: 'pipe' })
  const [, command = '[]'] = /^CMD (.+)$/m.exec(dockerfile) ?? []
  const [, ...args] = JSON.parse(command) as string[]

  const service = run(process.execPath, args, app)

  const { board } = await service.line('ready')
  expect(await (await fetch(board)).text()).toContain('<div id="root">')
  expect(existsSync(join(app, 'node_modules/.bin/node'))).toBe(false)
  expect(
    readdirSync(join(app, 'node_modules')).filter((name) => name.startsWith('node-linux')),
  ).toEqual([])
}, 120_000)

test('the board is built with only the files that the first stage of the Dockerfile copies', () => {
  const [dockerfile = ''] = stagesOfDockerfile()
  const folder = copiedFiles(dockerfile)
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  const [, prepare = ''] = /^RUN (npm run .+)$/m.exec(dockerfile) ?? []

  execFileSync('sh', ['-c', prepare], { cwd: folder, stdio: 'pipe' })

  expect(readdirSync(join(folder, 'examples/board/dist'))).toContain('index.html')
}, 60_000)

/** The stage that builds the board, and the image. */
function stagesOfDockerfile(): string[] {
  return readFileSync('Dockerfile', 'utf8').split(/^(?=FROM )/m)
}

/** Copies what a stage copies, without what .dockerignore lists, to a new folder. */
function copiedFiles(stage: string): string {
  const folder = temporaryFolder()
  for (const [, from, files = ''] of stage.matchAll(/^COPY (--from=\S+ \/app\/)?(.+) \S+$/gm)) {
    const ignored = from ? [] : readFileSync('.dockerignore', 'utf8').trim().split('\n')
    for (const file of files.split(' ')) {
      cpSync(file, join(folder, file), {
        recursive: true,
        filter: (path) => !ignored.includes(path),
      })
    }
  }
  return folder
}

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
    /** Waits for the log line whose message starts with `begin`. */
    async line(begin: string): Promise<Data> {
      for (;;) {
        const line = lines.find(({ msg }) => msg.startsWith(begin))
        if (line) return line
        await once(reader, 'line')
      }
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
