import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { ask, startApp, temporaryFolder } from './support/app.ts'
import { runCli } from './support/cli.ts'
import { startIssuer } from './support/jwt.ts'
import { startSandbox } from './support/sandbox.ts'
import { serve } from './support/serve.ts'
import { scriptUpstream } from './support/upstream.ts'

/** An address at which nothing listens. */
const NOTHING = 'http://127.0.0.1:9999'

/** The status of each check of `doctor`. */
async function diagnose(url: string, key?: string | null) {
  const { code, events } = await runCli(url, ['doctor', '--json'], key)
  const checks = events.filter(({ event }) => event === 'check')
  return { code, checks: Object.fromEntries(checks.map(({ name, status }) => [name, status])) }
}

test('doctor exits with 0 when the service, its database, the clock, the key and 0-0 are good', async () => {
  const sandbox = await startSandbox()
  const app = await startApp({ UPSTREAM_URL: sandbox.url })

  const { code, stdout } = await runCli(app.url, ['doctor'])

  expect(code).toBe(0)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 14).trim()),
  ).toEqual([
    'ok    node',
    'ok    service',
    'ok    version',
    'ok    database',
    'ok    clock',
    'ok    key',
    'ok    0-0',
  ])
  expect(stdout).toContain('seedance-2-0')
})

test('doctor stops at a service that does not run, and says how to start it', async () => {
  const { code, stdout } = await runCli(NOTHING, ['doctor'])

  expect(code).toBe(1)
  expect(stdout).toMatch(/fail {2}service .*ECONNREFUSED/)
  expect(stdout).toContain('npm start')
  expect(stdout).not.toContain('0-0')
})

test('doctor says that another server answers', async () => {
  const url = await serve((_request, response) => response.end('<html>'))

  expect(await diagnose(url)).toEqual({ code: 1, checks: { node: 'ok', service: 'fail' } })
})

test.for([
  ['missing', null],
  ['wrong', 'not-a-key'],
  ['malformed', 'not a key'],
])('doctor fails for a %s key, and names the key of the sandbox', async ([, key = null]) => {
  const sandbox = await startSandbox()
  const app = await startApp({ UPSTREAM_URL: sandbox.url })

  const { code, stdout } = await runCli(app.url, ['doctor'], key)

  expect(code).toBe(1)
  expect(stdout).toMatch(/ok {4}database/)
  expect(stdout).toMatch(/fail {2}key/)
  expect(stdout).toMatch(/skip {2}0-0/)
  if (key !== 'not a key') expect(stdout).toContain('ZEROGRAPH_KEY=sk-sandbox')
})

test('doctor fails when the service does not reach 0-0, and asks 0-0 for no unknown asset', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, UPSTREAM_GET_TIMEOUT_MS: '500' })

  const before = await diagnose(app.url)
  const paths = upstream.calls.map(({ path }) => path)
  await upstream.close()
  const after = await diagnose(app.url)

  expect(before).toMatchObject({ code: 0, checks: { key: 'ok', '0-0': 'ok' } })
  expect(paths).toContain('/v1/video/tasks/zerograph-doctor')
  expect(paths.filter((path) => path.startsWith('/v1/asset'))).toEqual([])
  expect(after).toMatchObject({ code: 1, checks: { key: 'skip', '0-0': 'fail' } })
})

test('doctor accepts a service that needs no key', async () => {
  const sandbox = await startSandbox()
  const app = await startApp({
    UPSTREAM_URL: sandbox.url,
    UPSTREAM_API_KEY: 'sk-held',
    ALLOW_ANONYMOUS: '1',
  })

  expect(await diagnose(app.url, null)).toMatchObject({
    code: 0,
    checks: { key: 'ok', '0-0': 'ok' },
  })
})

/** A service whose clock, version and readiness a test decides. */
function serveStandIn(seconds: number, version: string, ready: boolean) {
  return serve((request, response) => {
    response.setHeader('date', new Date(Date.now() + seconds * 1_000).toUTCString())
    response.setHeader('content-type', 'application/json')
    const body =
      request.url === '/health'
        ? { status: 'ok', version }
        : request.url === '/ready'
          ? { ready }
          : {
              data: {
                __typename: 'Query',
                assetGroups: { totalCount: 0 },
                videoTask: null,
                models: [{ id: 'seedance-2-0' }],
              },
            }
    response.writeHead(request.url === '/ready' && !ready ? 503 : 200).end(JSON.stringify(body))
  })
}

test.for([
  ['in time', 2, 'ok', 0],
  ['20 s wrong', 20, 'warn', 0],
  ['20 s wrong the other way', -20, 'warn', 0],
  ['minutes wrong', -300, 'fail', 1],
] as const)('doctor compares the clocks: %s', async ([, seconds, status, exitCode]) => {
  const url = await serveStandIn(seconds, packageJson.version, true)

  const { code, checks } = await diagnose(url)

  expect(checks).toMatchObject({ clock: status, version: 'ok', database: 'ok' })
  expect(code).toBe(exitCode)
})

test('doctor warns of another version, and fails when the database cannot be used', async () => {
  const url = await serveStandIn(0, '0.0.1', false)

  expect(await diagnose(url)).toMatchObject({
    code: 1,
    checks: { version: 'warn', database: 'fail', clock: 'ok' },
  })
})

test.for([
  ['no command', []],
  ['an unknown command', ['frobnicate']],
  ['a missing id', ['watch']],
  ['an id that names nothing', ['watch', 'what-is-this']],
  ['a missing prompt', ['make', '--image', 'https://example.com/a.png']],
  ['a file that is no URL', ['make', '--prompt', 'A cat', '--image', 'a.png']],
  ['a duration that is no number', ['make', '--prompt', 'A cat', '--duration', 'long']],
  ['a URL that is none', ['doctor', '--url', 'localhost']],
  ['a key as an argument', ['doctor', '--key', 'sk-secret']],
])('%s exits with 2', async ([, args]) => {
  const { code, stdout, stderr } = await runCli(NOTHING, args as string[])

  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).not.toBe('')
})

test('help and version exit with 0', async () => {
  const help = await runCli(NOTHING, ['--help'])
  const version = await runCli(NOTHING, ['--version'])

  expect([help.code, version.code]).toEqual([0, 0])
  expect(help.stdout).toContain('Exit codes:')
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('a service that does not run exits with 4, a missing and a wrong key with 3', async () => {
  const sandbox = await startSandbox()
  const app = await startApp({ UPSTREAM_URL: sandbox.url })
  const watch = (url: string, key: string | null) =>
    runCli(url, ['watch', 'Asset-1', '--json'], key)

  const results = [
    await watch(NOTHING, 'sk-test'),
    await watch(app.url, null),
    await watch(app.url, 'not-a-key'),
    await watch(app.url, 'not a key'),
  ]

  expect(results.map(({ code, events }) => [code, events.at(-1)?.code])).toEqual([
    [4, 'UNREACHABLE'],
    [3, 'UNAUTHENTICATED'],
    [3, 'UNAUTHENTICATED'],
    [3, 'UNAUTHENTICATED'],
  ])
})

test('the key is read from a file, from standard input, and from a file with a token', async () => {
  const issuer = await startIssuer()
  const sandbox = await startSandbox()
  const app = await startApp({ UPSTREAM_URL: sandbox.url })
  const guarded = await startApp({
    UPSTREAM_URL: sandbox.url,
    ...issuer.environment,
    UPSTREAM_API_KEY: 'sk-held',
  })
  const folder = temporaryFolder()
  const [keyFile, tokenFile] = [join(folder, 'key'), join(folder, 'token')]
  writeFileSync(keyFile, 'sk-file\n')
  writeFileSync(tokenFile, await issuer.token('alice'))

  const doctor = (url: string, file: string, input: string | null = null) =>
    runCli(url, ['doctor', '--key-file', file], null, input)

  expect((await doctor(app.url, keyFile)).code).toBe(0)
  expect((await doctor(app.url, '-', 'sk-input\n')).code).toBe(0)
  expect((await doctor(guarded.url, tokenFile)).code).toBe(0)
  expect((await doctor(app.url, join(folder, 'none'))).code).toBe(2)
})

test('names of the service cannot control the terminal', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active', name: 'red \u001b[31m\u0007 name' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await ask(app.url, '{ asset(id: "Asset-1") { name } }')

  const { code, stdout } = await runCli(app.url, ['watch', 'Asset-1'])

  expect(code).toBe(0)
  expect(stdout).toContain('red  [31m  name')
  expect(stdout).not.toContain('\u001b')
})
