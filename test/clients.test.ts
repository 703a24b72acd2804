import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { TypedDocumentString } from '../examples/clients/fetch/gql/graphql.ts'
import { possibleTypes } from '../examples/clients/shared/gql/schema.ts'
import { page, withSnippets } from '../examples/clients/snippets.ts'
import { KEY, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { type Issuer, inSeconds, startIssuer } from './support/jwt.ts'
import { type ServiceProcess, startProcess } from './support/process.ts'
import { startSandbox } from './support/sandbox.ts'
import { serve } from './support/serve.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

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
  const upstream = await scriptUpstream()
  upstream.intercept = storyOf(upstream)
  const folder = temporaryFolder()
  const manifest = join(folder, 'manifest.json')
  writeFileSync(manifest, JSON.stringify(allPersistedDocuments()))
  const service = await startProcess({
    UPSTREAM_URL: upstream.url,
    DATA_DIR: folder,
    PERSISTED_DOCUMENTS: manifest,
    ...POLLS,
  })

  const programs = CLIENTS.map((client) =>
    runClient(client, service, {
      ZEROGRAPH_KEY: `sk-${client}`,
      ZEROGRAPH_PERSISTED: '1',
    }),
  )

  for (const program of programs) expect(await program.lines()).toEqual(STORY)
  expect(upstream.callsTo('POST /v1/video/tasks')).toHaveLength(CLIENTS.length)
}, 30_000)

test.for(['socket', 'event stream'])(
  'the %s receives what changed during an interruption, once',
  async (transport) => {
    const app = await startApp()
    const environment = { DATA_DIR: app.dataDir, PORT: new URL(app.url).port }
    const names: string[] = []
    const settings = { ZEROGRAPH_URL: app.url, ZEROGRAPH_KEY: KEY }
    if (transport === 'socket') await followOverSocket(settings, names)
    else await followOverEventStream(settings, names)

    await vi.waitFor(async () => {
      await createGroup(app, 'before')
      expect(names).toContain('before')
    })
    await app.stop()
    // Another process, so that the client cannot be connected yet.
    const elsewhere = await startApp({ ...environment, PORT: '0' })
    await createGroup(elsewhere, 'meanwhile')
    await elsewhere.stop()
    const after = await startApp(environment)
    await createGroup(after, 'after')
    await vi.waitUntil(() => names.includes('after'), 10_000)

    expect(names.slice(names.lastIndexOf('before'))).toEqual(['before', 'meanwhile', 'after'])
  },
)

test('the socket reads the lists again and follows from now on when its cursor is not kept any more', async () => {
  const app = await startApp()
  const onGap = vi.fn()
  const next = vi.fn()
  const socket = await createSocket(onGap, { ZEROGRAPH_URL: app.url, ZEROGRAPH_KEY: KEY })

  const unsubscribe = socket.subscribe(
    {
      query: 'subscription ($after: String) { changes(after: $after) { kind } }',
      variables: { after: 'a-cursor-of-last-week' },
    },
    { next, error: () => {}, complete: () => {} },
  )
  await vi.waitUntil(() => onGap.mock.calls.length > 1, 5_000)
  await vi.waitFor(async () => {
    await app.query('mutation { createAssetGroup(input: { name: "A" }) { __typename } }')
    expect(next).toHaveBeenCalledWith({ data: { changes: { kind: 'ASSET_GROUP' } } })
  }, 5_000)
  unsubscribe()

  expect(next).not.toHaveBeenCalledWith(expect.objectContaining({ errors: expect.anything() }))
})

test('the socket reports a token that is refused again after it was renewed', async () => {
  const issuer = await startIssuer()
  const app = await startApp({ ...issuer.environment })
  let issued = 0
  const tokenUrl = await serve((_request, response) => {
    issued += 1
    response.end('not-a-token')
  })
  const socket = await createSocket(() => {}, {
    ZEROGRAPH_URL: app.url,
    ZEROGRAPH_TOKEN_URL: tokenUrl,
  })

  const result = await new Promise((resolve, reject) => {
    socket.subscribe(
      { query: 'subscription { changes { kind } }' },
      { next: resolve, error: reject, complete: () => {} },
    )
  })

  expect(result).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  expect(issued).toBe(2)
})

test('the generated possible types are those of the service', async () => {
  const app = await startApp()

  const response = await fetch(`${app.url}/possible-types.json`)

  expect(possibleTypes).toEqual(await response.json())
})

test('the code in docs/clients.md is that of the examples', () => {
  const text = readFileSync(page, 'utf8')

  expect(withSnippets(text)).toBe(text)
  expect(text).toContain('<!-- apollo/client.ts#cache -->')
})

test.for(globSync('examples/clients/*/{main,client}.ts'))('%s has at most 150 lines', (file) => {
  expect(readFileSync(file, 'utf8').split('\n').length - 1).toBeLessThanOrEqual(150)
})

const GROUP_CHANGES = `subscription ($after: String) {
  changes(after: $after) { cursor node { ... on AssetGroup { name } } }
}`

interface GroupChange {
  changes: { cursor: string; node: { name: string } }
}

async function followOverSocket(environment: Record<string, string>, names: string[]) {
  const socket = await createSocket(() => {}, environment)
  const unsubscribe = socket.subscribe<GroupChange>(
    { query: GROUP_CHANGES },
    {
      next: ({ data }) => data && names.push(data.changes.node.name),
      error: () => {},
      complete: () => {},
    },
  )
  onTestFinished(unsubscribe)
}

async function followOverEventStream(environment: Record<string, string>, names: string[]) {
  const { subscribe } = await load(environment, () => import('../examples/clients/fetch/client.ts'))
  const document = new TypedDocumentString<GroupChange, Record<string, never>>(GROUP_CHANGES)
  void (async () => {
    for await (const { changes } of subscribe(document, {})) names.push(changes.node.name)
  })().catch(() => {})
}

function createGroup({ query }: TestApp, name: string) {
  return query(
    'mutation ($name: String!) { createAssetGroup(input: { name: $name }) { __typename } }',
    { name },
  )
}

/** Loads a module of the examples, which read these environment variables when they are loaded. */
async function load<Module>(
  environment: Record<string, string>,
  importModule: () => Promise<Module>,
): Promise<Module> {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  vi.resetModules()
  const module = await importModule()
  vi.unstubAllEnvs()
  return module
}

async function createSocket(onGap: () => void, environment: Record<string, string>) {
  const module = await load(environment, () => import('../examples/clients/shared/socket.ts'))
  const socket = module.createSocket(onGap)
  // Rejects when the client is just connecting again.
  onTestFinished(async () => Promise.resolve(socket.dispose()).catch(() => {}))
  return socket
}

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

/**
 * What the sandbox does in the story, without rendering a video: each read of an asset or a task shows it one step
 * further.
 */
function storyOf({ assets, tasks, callsTo }: ScriptedUpstream): ScriptedUpstream['intercept'] {
  return ({ method, path }) => {
    if (method !== 'GET') return undefined
    const id = path.split('/').at(-1) ?? ''
    const asset = assets.get(id)
    if (asset) asset.status = String(asset.name) === 'Too small' ? 'Failed' : 'Active'
    const task = tasks.get(id)
    if (task) {
      const isDone = callsTo(`GET ${path}`).length > 1
      task.status = isDone ? 'succeeded' : 'running'
      if (isDone) task.video = { url: 'https://cdn.example.com/a.mp4' }
    }
    return undefined
  }
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
