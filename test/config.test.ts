import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../src/config.ts'
import { temporaryFolder } from './support/app.ts'

test('an empty environment gives the documented defaults', () => {
  expect(readConfig({})).toMatchObject({
    port: 4000,
    host: '127.0.0.1',
    upstreamUrl: undefined,
    sandboxPort: 4010,
    dataDir: '.data',
    corsOrigins: [],
    pace: { asset: { minMs: 2_000, maxMs: 15_000 }, videoTask: { minMs: 5_000, maxMs: 20_000 } },
    pollDeadlineMs: 3_600_000,
    pollMaxRps: 20,
    upstreamMaxConcurrency: 64,
    upstreamMaxCreates: 32,
    upstreamGetTimeoutMs: 10_000,
    upstreamPostTimeoutMs: 90_000,
    terminalTtlMs: 300_000,
    logLevel: 'info',
  })
})

test('all invalid settings are reported together, without their values', () => {
  const read = () =>
    readConfig({
      PORT: 'eighty',
      UPSTREAM_URL: 'ftp://example.com',
      SECRET_KEY: 'c2hvcnQgc2VjcmV0',
      CORS_ORIGINS: 'https://app.example.com/path',
      ASSET_POLL_MIN_MS: '0',
    })

  expect(read).toThrow(ConfigError)
  expect(read).toThrow(/PORT: .*\n.*UPSTREAM_URL: .*\n.*SECRET_KEY: .*\n.*CORS_ORIGINS.*\n.*ASSET/)
  expect(read).not.toThrow(/c2hvcnQ|eighty/)
})

test('UPSTREAM_POST_TIMEOUT_MS must be below 100 s, after which the gateway of 0-0 repeats a create', () => {
  const read = (timeoutMs: string) => readConfig({ UPSTREAM_POST_TIMEOUT_MS: timeoutMs })

  expect(read('99999').upstreamPostTimeoutMs).toBe(99_999)
  expect(() => read('100000')).toThrow(
    /UPSTREAM_POST_TIMEOUT_MS: Not below 100000: after 100 s the/,
  )
})

test('a minimum poll interval above the maximum is refused', () => {
  const environment = { TASK_POLL_MIN_MS: '30000', TASK_POLL_MAX_MS: '20000' }

  expect(() => readConfig(environment)).toThrow(/TASK_POLL_MIN_MS: Longer than TASK_POLL_MAX_MS/)
})

const KEY = { UPSTREAM_API_KEY: 'sk-held' }
const JWKS = { JWKS_URL: 'https://login.example.com/jwks.json' }
const ISSUER = { JWT_ISSUER: 'https://login.example.com/' }
const AUDIENCE = { JWT_AUDIENCE: 'zerograph' }
const CLAIM = { TENANT_CLAIM: 'org' }
const ANYBODY = { ALLOW_ANONYMOUS: '1' }

test.for([
  [{}, { mode: 'PASS_THROUGH' }],
  [{ ALLOW_ANONYMOUS: '0', JWKS_URL: '' }, { mode: 'PASS_THROUGH' }],
  [
    { ...KEY, ...ANYBODY },
    { mode: 'ANONYMOUS', upstreamApiKey: 'sk-held' },
  ],
  [
    { ...KEY, ...JWKS, ...ISSUER, ...AUDIENCE },
    {
      mode: 'JWT',
      upstreamApiKey: 'sk-held',
      jwksUrl: JWKS.JWKS_URL,
      issuer: ISSUER.JWT_ISSUER,
      audience: 'zerograph',
      tenantClaim: 'sub',
    },
  ],
  [
    { ...KEY, ...JWKS, ...ISSUER, ...AUDIENCE, ...CLAIM },
    { mode: 'JWT', tenantClaim: 'org' },
  ],
] as const)('%o gives the identity mode %o', ([environment, identity]) => {
  expect(readConfig(environment).identity).toMatchObject(identity)
})

test.for([
  [KEY, ['JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE']],
  [{ ...KEY, ALLOW_ANONYMOUS: '0' }, ['JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE']],
  [{ ...KEY, ...JWKS }, ['JWT_ISSUER', 'JWT_AUDIENCE']],
  [{ ...KEY, ...ISSUER }, ['JWKS_URL', 'JWT_AUDIENCE']],
  [{ ...KEY, ...AUDIENCE }, ['JWKS_URL', 'JWT_ISSUER']],
  [{ ...KEY, ...JWKS, ...ISSUER }, ['JWT_AUDIENCE']],
  [{ ...KEY, ...JWKS, ...AUDIENCE }, ['JWT_ISSUER']],
  [{ ...KEY, ...ISSUER, ...AUDIENCE }, ['JWKS_URL']],
  [{ ...KEY, ...CLAIM }, ['JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE']],
  [JWKS, ['UPSTREAM_API_KEY', 'JWT_ISSUER', 'JWT_AUDIENCE']],
  [ISSUER, ['UPSTREAM_API_KEY', 'JWKS_URL', 'JWT_AUDIENCE']],
  [AUDIENCE, ['UPSTREAM_API_KEY', 'JWKS_URL', 'JWT_ISSUER']],
  [CLAIM, ['UPSTREAM_API_KEY', 'JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE']],
  [{ ...JWKS, ...ISSUER }, ['UPSTREAM_API_KEY', 'JWT_AUDIENCE']],
  [{ ...JWKS, ...AUDIENCE }, ['UPSTREAM_API_KEY', 'JWT_ISSUER']],
  [{ ...ISSUER, ...AUDIENCE }, ['UPSTREAM_API_KEY', 'JWKS_URL']],
  [{ ...JWKS, ...ISSUER, ...AUDIENCE }, ['UPSTREAM_API_KEY']],
  [ANYBODY, ['UPSTREAM_API_KEY']],
  [{ ...ANYBODY, ...JWKS }, ['UPSTREAM_API_KEY', 'JWKS_URL']],
  [{ ...KEY, ...ANYBODY, ...JWKS }, ['JWKS_URL']],
  [{ ...KEY, ...ANYBODY, ...CLAIM }, ['TENANT_CLAIM']],
  [
    { ...KEY, ...ANYBODY, ...JWKS, ...ISSUER, ...AUDIENCE },
    ['JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'],
  ],
  [{ ...KEY, ALLOW_ANONYMOUS: 'true' }, ['ALLOW_ANONYMOUS']],
  [{ ...ANYBODY, UPSTREAM_API_KEY: 'Bearer sk-held' }, ['UPSTREAM_API_KEY']],
  [{ ...ANYBODY, UPSTREAM_API_KEY: 'sk-held\n' }, ['UPSTREAM_API_KEY']],
  [{ ...KEY, ...ISSUER, ...AUDIENCE, JWKS_URL: 'file:///keys.json' }, ['JWKS_URL']],
  [{ ...KEY, ...ISSUER, ...AUDIENCE, JWKS_URL: 'https://me:sk-held@example.com' }, ['JWKS_URL']],
  [{ ...KEY, ...ISSUER, ...JWKS, JWT_AUDIENCE: ' ' }, ['JWT_AUDIENCE']],
  [{ ...KEY, ...AUDIENCE, ...JWKS, JWT_ISSUER: 'https://a.example ' }, ['JWT_ISSUER']],
] as const)('%o is refused with a message that names %o and no key', ([environment, names]) => {
  const message = messageOf(() => readConfig(environment))

  expect(message.match(/^ {2}\w+(?=: )/gm)?.map((name) => name.trim())).toEqual(names)
  expect(message).not.toContain('sk-held')
})

test('the README lists every environment variable with its default', () => {
  const documented = readmeSettings()
  const declared = declaredSettings()
  const environment = { ...KEY, ...JWKS, ...ISSUER, ...AUDIENCE }

  expect(documented.map(({ name }) => name).sort()).toEqual([...declared.keys()].sort())
  for (const { name, text } of documented) {
    if (text === GENERATED) continue
    if (text === NONE) expect(declared.get(name), name).not.toMatch(/\.default\((?!\[\]\))/)
    else expect(readConfig({ ...environment, [name]: text }), name).toEqual(readConfig(environment))
  }
})

/** How the README writes that a variable has no default, and that a file in DATA_DIR provides it. */
const NONE = '–'
const GENERATED = 'made in DATA_DIR'

/** The variables in the tables of the README. A row can have several, with one default each or one for all. */
function readmeSettings(): { name: string; text: string }[] {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [, ...tables] = readme.split('| variable | default |')
  const rows = tables.flatMap((table) => table.split('\n\n', 1)).join('\n')
  return [...rows.matchAll(/^\| (`[A-Z_]+`.*?) \| (.+?) \|/gm)].flatMap(([, names, defaults]) => {
    const [first, ...others] = String(defaults).replaceAll('`', '').split(', ')
    return String(names)
      .replaceAll('`', '')
      .split(', ')
      .map((name, index) => ({ name, text: String([first, ...others][index] ?? first) }))
  })
}

/** The variables in the zod shape of the configuration, each with its source text. */
function declaredSettings(): Map<string, string> {
  const source = readFileSync(new URL('../src/config.ts', import.meta.url), 'utf8')
  const [, shape = ''] = /const EnvironmentShape = z\.object\(\{\n(.*?)\n\}\)/s.exec(source) ?? []
  const settings = shape.split(/^ {2}(?=[A-Z_]+:)/m).filter((text) => text !== '')
  return new Map(settings.map((text) => [String(text.split(':', 1)[0]), text]))
}

test('a process with missing settings names them on stderr and exits with code 1', async () => {
  const env = { PATH: process.env.PATH, DATA_DIR: temporaryFolder(), PORT: '0', ...KEY, ...JWKS }

  const starting = promisify(execFile)(process.execPath, ['src/main.ts'], { env, timeout: 15_000 })

  await expect(starting).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^The configuration .*\n {2}JWT_ISSUER: .*\n {2}JWT_AUDIENCE: /),
  })
})

function messageOf(read: () => unknown): string {
  try {
    read()
    return 'It was accepted.'
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}
