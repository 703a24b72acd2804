import { execFileSync } from 'node:child_process'
import {
  cpSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openBoard } from '../src/http/board.ts'
import { startApp, temporaryFolder } from './support/app.ts'
import { startIssuer } from './support/jwt.ts'

const DIST = 'examples/board/dist'
const UPSTREAM_URL = 'http://127.0.0.1:1'
const MAX_SCRIPT_BYTES = 120_000

test('/ is the page of the board, which browsers revalidate', async () => {
  const { url } = await startApp({ UPSTREAM_URL })

  const first = await fetch(url)
  const page = await first.text()
  const etag = first.headers.get('etag') ?? ''
  const second = await fetch(url, { headers: { 'if-none-match': etag } })

  expect(first.status).toBe(200)
  expect(first.headers.get('content-type')).toMatch(/^text\/html; charset=utf-8$/i)
  expect(first.headers.get('cache-control')).toBe('no-cache')
  expect(page).toBe(readFileSync(join(DIST, 'index.html'), 'utf8'))
  expect(page).not.toMatch(/<script(?![^>]* src=)/)
  expect(second.status).toBe(304)
})

test('a hashed file is cached for ever, and sent in the encoding that the client prefers', async () => {
  const { url } = await startApp({ UPSTREAM_URL })
  const [script = ''] = globSync('assets/*.js', { cwd: DIST })
  const text = readFileSync(join(DIST, script))
  const get = (acceptEncoding: string) => receive(`${url}/${script}`, acceptEncoding)

  const brotli = await get('gzip, deflate, br, zstd')
  const gzip = await get('gzip')
  const identity = await get('identity')

  expect(brotli.headers).toMatchObject({
    'content-type': expect.stringMatching(/^text\/javascript/),
    'cache-control': 'public, max-age=31536000, immutable',
    'content-encoding': 'br',
    vary: 'accept-encoding',
  })
  expect(gzip.headers['content-encoding']).toBe('gzip')
  expect(identity.headers['content-encoding']).toBeUndefined()
  expect(brotliDecompressSync(brotli.body)).toEqual(text)
  expect(gunzipSync(gzip.body)).toEqual(text)
  expect(identity.body).toEqual(text)
})

test('a HEAD request gets the headers only, another method gets 405', async () => {
  const { url } = await startApp({ UPSTREAM_URL })

  const head = await fetch(url, { method: 'HEAD' })
  const post = await fetch(url, { method: 'POST' })

  expect(Number(head.headers.get('content-length'))).toBeGreaterThan(100)
  expect(await head.text()).toBe('')
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
})

test('scripts, styles and connections are limited to the service by the Content-Security-Policy', async () => {
  const { url } = await startApp({ UPSTREAM_URL })

  for (const path of ['/', '/board.json']) {
    const { headers } = await fetch(`${url}${path}`)
    const policy = headers.get('content-security-policy') ?? ''

    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      'img-src http: https: data:',
      'media-src http: https:',
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  }
})

test.for([
  '/index.html',
  '/index.html.br',
  '/assets/',
  '/assets/../index.html',
  '/..%2fpackage.json',
  '/%2e%2e/package.json',
  '/package.json',
])('%s is not served', async (path) => {
  const { url } = await startApp({ UPSTREAM_URL })

  expect((await receive(`${url}${path}`)).status).toBe(404)
})

test('/board.json with a sandbox has its key and samples, which exist', async () => {
  const app = await startApp()

  const response = await fetch(`${app.url}/board.json`)
  const settings = await response.json()

  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(settings).toEqual({
    credential: 'key',
    sandbox: {
      url: app.sandboxUrl,
      key: 'sk-sandbox',
      samples: expect.arrayContaining([
        {
          name: 'portrait',
          url: `${app.sandboxUrl}/samples/portrait.png`,
          type: 'IMAGE',
          fails: false,
        },
        {
          name: 'too-small',
          url: `${app.sandboxUrl}/samples/too-small.png`,
          type: 'IMAGE',
          fails: true,
        },
      ]),
    },
    graphiql: true,
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
  })
  for (const { url } of settings.sandbox.samples) expect((await fetch(url)).status).toBe(200)
})

test('/board.json asks for a key with 0-0, for a token with JWTs, for nothing in anonymous mode', async () => {
  const { environment } = await startIssuer()
  const anonymous = { UPSTREAM_API_KEY: 'sk-held', ALLOW_ANONYMOUS: '1' }
  const read = async (settings: Record<string, string>) => {
    const { url } = await startApp({ UPSTREAM_URL, ...settings })
    return (await fetch(`${url}/board.json`)).text()
  }

  const texts = [await read({}), await read(environment), await read(anonymous)]

  expect(texts.map((text) => JSON.parse(text))).toMatchObject([
    { credential: 'key', sandbox: null },
    { credential: 'token', sandbox: null },
    { credential: 'none', sandbox: null },
  ])
  expect(texts.join()).not.toContain('sk-')
})

test.for([{ BOARD: '0' }, { PUBLIC_SCHEMA: '0' }])(
  'with %o, / redirects to GraphQL and no file of the board is served',
  async (settings) => {
    const { url } = await startApp({ UPSTREAM_URL, ...settings })
    const [script = ''] = globSync('assets/*.js', { cwd: DIST })

    const page = await fetch(url, { redirect: 'manual' })
    const others = ['/board.json', `/${script}`].map((path) => fetch(`${url}${path}`))

    expect([page.status, page.headers.get('location')]).toEqual([302, '/graphql'])
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([404, 404])
  },
)

test('with a manifest of persisted documents there is no board, because it sends other documents', async () => {
  const manifest = join(temporaryFolder(), 'manifest.json')
  writeFileSync(manifest, '{}')
  const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest })

  const page = await fetch(app.url, { redirect: 'manual' })

  expect(page.status).toBe(302)
})

test('a board that is not built is null, and the log says so once', () => {
  const warnings: string[] = []

  const board = openBoard(
    'PASS_THROUGH',
    null,
    { warn: (line) => warnings.push(line) },
    temporaryFolder(),
  )

  expect(board).toBeNull()
  expect(warnings).toEqual([expect.stringContaining('npm run prepare')])
})

test('all scripts of the board together have at most 120 KB with gzip, without source maps', () => {
  const files = globSync('**/*', { cwd: DIST })
  const scripts = files.filter((name) => name.endsWith('.js'))
  const sizes = scripts.map((name) => gzipSync(readFileSync(join(DIST, name)), { level: 9 }).length)

  expect(sizes.length).toBeGreaterThan(0)
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(MAX_SCRIPT_BYTES)
  expect(files.filter((name) => name.endsWith('.map'))).toEqual([])
})

test('npm run prepare does nothing without the development packages or without the sources', () => {
  const folder = temporaryFolder()
  cpSync('package.json', join(folder, 'package.json'))
  const prepare = () =>
    execFileSync('npm', ['run', '--silent', 'prepare'], { cwd: folder, encoding: 'utf8' })

  const packageFilesOnly = prepare()
  mkdirSync(join(folder, 'examples'))
  cpSync('examples/prepare.mjs', join(folder, 'examples/prepare.mjs'))
  cpSync('examples/board/index.html', join(folder, 'examples/board/index.html'))
  const productionPackages = prepare()
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  const removed = join(folder, 'examples/board/index.html')
  execFileSync('rm', [removed])
  const noSources = prepare()

  expect([packageFilesOnly, productionPackages, noSources]).toEqual(['', '', ''])
  expect(readdirSync(join(folder, 'examples/board'))).toEqual([])
})

/** Sends a GET as it is: fetch changes the path and decodes the body. */
function receive(url: string, acceptEncoding = 'identity') {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number | undefined
    headers: Record<string, string | string[] | undefined>
    body: Buffer
  }>()
  const { origin, port, hostname } = new URL(url)
  const path = url.slice(origin.length)
  request(
    { hostname, port, path, headers: { 'accept-encoding': acceptEncoding } },
    async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(chunks),
      })
    },
  )
    .on('error', reject)
    .end()
  return promise
}
