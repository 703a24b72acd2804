import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from './support/app.ts'
import { type Issuer, inSeconds, startIssuer } from './support/jwt.ts'
import { type ServiceProcess, startProcess } from './support/process.ts'
import { startSandbox } from './support/sandbox.ts'
import { serve } from './support/serve.ts'

const CLIENTS = ['apollo', 'urql', 'relay', 'fetch']

const STORY = [
  'group: Heroine ACTIVE',
  'refused: IDEMPOTENCY_CONFLICT: use another key for another input',
  'refused: INVALID_INPUT: correct name',
  'asset: Front PROCESSING',
  'asset: Street PROCESSING',
  'asset: Too small PROCESSING',
  'video: WAITING_FOR_ASSETS',
  'timeline: ACCEPTED',
  'timeline: ASSET_READY Front',
  'timeline: SENT',
  'timeline: STARTED',
  'timeline: SUCCEEDED',
  'refused: NOT_CANCELLABLE: the video is SUCCEEDED',
  'listed: Too small FAILED',
  'listed: Street ACTIVE',
  'listed: Front ACTIVE',
  'kept fresh: She smiles SUCCEEDED',
]

const POLLS = {
  ASSET_POLL_MIN_MS: '100',
  ASSET_POLL_MAX_MS: '100',
  TASK_POLL_MIN_MS: '100',
  TASK_POLL_MAX_MS: '100',
  POLL_MAX_RPS: '1000',
}

test('each client tells the story when its tokens expire and the service is killed and started again', async () => {
  const sandbox = await startSandbox({ taskRunningMs: 5_000 })
  const issuer = await startIssuer()
  const tokens = await serveTokens(issuer)
  const environment = {
    UPSTREAM_URL: sandbox.url,
    DATA_DIR: temporaryFolder(),
    ...POLLS,
    ...issuer.environment,
  }
  const service = await startProcess(environment)
  const programs = CLIENTS.map((client) =>
    runClient(client, service, {
      ZEROGRAPH_SAMPLES: `${sandbox.url}/samples`,
      ZEROGRAPH_TOKEN_URL: `${tokens.url}/${client}`,
    }),
  )

  await Promise.all(programs.map((program) => program.line('timeline: STARTED')))
  await service.kill('SIGKILL')
  await startProcess({ ...environment, PORT: new URL(service.url).port })
  const stories = await Promise.all(programs.map((program) => program.lines()))

  expect(Object.fromEntries(CLIENTS.map((client, index) => [client, stories[index]]))).toEqual(
    Object.fromEntries(CLIENTS.map((client) => [client, STORY])),
  )
  // The expired token, the one that expires during the story, and one for the connection after the restart.
  for (const client of CLIENTS) expect(tokens.issued(client)).toBeGreaterThanOrEqual(3)
}, 45_000)

test('each client tells the story when the service accepts persisted documents only', async () => {
  const sandbox = await startSandbox()
  const folder = temporaryFolder()
  const manifest = join(folder, 'manifest.json')
  writeFileSync(manifest, JSON.stringify(allPersistedDocuments()))
  const service = await startProcess({
    UPSTREAM_URL: sandbox.url,
    DATA_DIR: folder,
    PERSISTED_DOCUMENTS: manifest,
    ...POLLS,
  })

  const programs = CLIENTS.map((client) =>
    runClient(client, service, {
      ZEROGRAPH_KEY: `sk-${client}`,
      ZEROGRAPH_PERSISTED: '1',
      ZEROGRAPH_SAMPLES: `${sandbox.url}/samples`,
    }),
  )

  for (const program of programs) expect(await program.lines()).toEqual(STORY)
}, 30_000)

interface Program {
  /** Resolves when the program has printed this line. */
  line(expected: string): Promise<void>
  /** All lines, when the program has exited. Throws when it fails. */
  lines(): Promise<string[]>
}

function runClient(client: string, { url }: ServiceProcess, environment: object): Program {
  const child = spawn(process.execPath, [`examples/clients/${client}/main.ts`], {
    env: { PATH: process.env.PATH, ZEROGRAPH_URL: url, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'close')
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(line))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return {
    line: (expected) =>
      new Promise((resolve, reject) => {
        reader.on('line', (line) => line === expected && resolve())
        exited.then(() => reject(new Error(`${client} ended without "${expected}": ${stderr}`)))
      }),
    async lines() {
      const [code] = await exited
      if (code !== 0) throw new Error(`${client} ended with ${code}: ${stderr}`)
      return lines
    },
  }
}

/**
 * Serves a token for each POST to `/<tenant>`. The first token of a tenant has expired before, the second expires
 * during the story, and the others are valid.
 */
async function serveTokens(issuer: Issuer) {
  const issued = new Map<string, number>()
  const url = await serve(async (request, response) => {
    const tenant = request.url ?? ''
    const count = issued.get(tenant) ?? 0
    issued.set(tenant, count + 1)
    const exp = inSeconds([-60, 3][count] ?? 300)
    response.end(await issuer.token(tenant, { claims: { exp } }))
  })
  return { url, issued: (client: string) => issued.get(`/${client}`) ?? 0 }
}

function allPersistedDocuments(): Record<string, string> {
  const files = ['shared/gql', 'fetch/gql', 'relay/__generated__']
  return Object.assign(
    {},
    ...files.map((file) =>
      JSON.parse(readFileSync(`examples/clients/${file}/persisted-documents.json`, 'utf8')),
    ),
  )
}
