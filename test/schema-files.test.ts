import { readFileSync } from 'node:fs'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { buildSchema, isAbstractType } from 'graphql'
import { expect, test, vi } from 'vitest'
import { createSchemaFiles } from '../src/http/schema-files.ts'
import { startApp, type TestApp } from './support/app.ts'

const SETTINGS = { UPSTREAM_URL: 'http://127.0.0.1:1' }
const PATHS = ['/schema.graphql', '/possible-types.json']
const SDL = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')

test('GET /schema.graphql returns the schema in SDL', async () => {
  const app = await startApp(SETTINGS)

  const response = await fetch(`${app.url}/schema.graphql`)

  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; charset=utf-8',
  ])
  expect(await response.text()).toBe(SDL)
})

test('GET /possible-types.json returns the object types of every interface and union', async () => {
  const app = await startApp(SETTINGS)
  const schema = buildSchema(SDL)
  const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType)

  const response = await fetch(`${app.url}/possible-types.json`)
  const types = (await response.json()) as Record<string, string[]>

  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(types.Node).toEqual(['Asset', 'AssetGroup', 'VideoTask'])
  expect(types.Error).toContain('RateLimitedError')
  expect(types).toEqual(
    Object.fromEntries(
      abstract.map((type) => [
        type.name,
        schema
          .getPossibleTypes(type)
          .map(({ name }) => name)
          .sort(),
      ]),
    ),
  )
})

test.for(PATHS)('with PUBLIC_SCHEMA=0, %s is 404 for every method', async (path) => {
  const app = await startApp({ ...SETTINGS, PUBLIC_SCHEMA: '0' })

  for (const method of ['GET', 'HEAD', 'POST']) {
    expect((await fetch(`${app.url}${path}`, { method })).status).toBe(404)
  }
})

test('/schema.graphql is compressed for a client that accepts it, with the same ETag', async () => {
  const app = await startApp(SETTINGS)

  const plain = await send(app, 'GET', '/schema.graphql', {})
  const compressed = await send(app, 'GET', '/schema.graphql', { 'accept-encoding': 'gzip' })

  expect(plain.headers['content-encoding']).toBeUndefined()
  expect(compressed.headers['content-encoding']).toBe('gzip')
  expect(String(gunzipSync(compressed.body))).toBe(String(plain.body))
  expect(compressed.headers.etag).toBe(plain.headers.etag)
  expect(compressed.headers.vary?.toLowerCase()).toContain('accept-encoding')
})

test.for(PATHS)('%s is made and compressed once, at its first request', (path) => {
  const created: string[] = []
  const text = (name: string) => {
    created.push(name)
    return name.repeat(1_000)
  }
  const files = createSchemaFiles({
    sdl: () => text('sdl'),
    possibleTypes: () => ({ Node: [text('types')] }),
  })
  const bodyOf = () => {
    const request = { method: 'GET', headers: { 'accept-encoding': 'br' } }
    const response = {
      setHeader: vi.fn(),
      appendHeader: vi.fn(),
      writeHead: vi.fn().mockReturnThis(),
      end: vi.fn<(body: Buffer) => void>(),
    }
    files.serve(path, request as unknown as IncomingMessage, response as unknown as ServerResponse)
    return response.end.mock.lastCall?.[0]
  }

  const first = bodyOf()

  expect(bodyOf()).toBe(first)
  expect(created).toHaveLength(1)
  expect(first?.length).toBeLessThan(1_000)
})

test.for(PATHS)('a client that has %s gets 304', async (path) => {
  const app = await startApp(SETTINGS)

  const { etag = '' } = (await send(app, 'GET', path, {})).headers
  const cached = [etag, etag.replace('W/', ''), `"other", ${etag}`, '*']

  for (const tag of cached) {
    const again = await send(app, 'GET', path, { 'if-none-match': tag })
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag])
  }
  expect((await send(app, 'GET', path, { 'if-none-match': '"other"' })).status).toBe(200)
})

test.for(PATHS)('HEAD %s has the headers of GET and no body, and POST is 405', async (path) => {
  const app = await startApp(SETTINGS)

  const get = await send(app, 'GET', path, {})
  const head = await send(app, 'HEAD', path, {})
  const post = await send(app, 'POST', path, {})

  expect([head.status, head.body.length]).toEqual([200, 0])
  for (const name of ['etag', 'content-type', 'cache-control', 'vary']) {
    expect(head.headers[name]).toBe(get.headers[name])
  }
  expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
  expect(JSON.parse(String(post.body))).toMatchObject({
    errors: [{ extensions: { code: 'BAD_REQUEST', hint: expect.any(String) } }],
  })
})

test.for(PATHS)('pages of CORS_ORIGINS may read %s, and no others', async (path) => {
  const app = await startApp({ ...SETTINGS, CORS_ORIGINS: 'https://app.example.com' })

  const origins = async (method: string) => {
    const headers = { 'access-control-request-method': 'GET' }
    const allowed = await send(app, method, path, { ...headers, origin: 'https://app.example.com' })
    const other = await send(app, method, path, { ...headers, origin: 'https://evil.example.com' })
    return [allowed, other].map(({ headers }) => headers['access-control-allow-origin'])
  }

  expect(await origins('GET')).toEqual(['https://app.example.com', undefined])
  expect(await origins('OPTIONS')).toEqual(['https://app.example.com', undefined])
})

test.for(PATHS)('%s is refused under a host that is not allowed', async (path) => {
  const app = await startApp({ ...SETTINGS, ALLOWED_HOSTS: 'app.example.com' })

  expect((await send(app, 'GET', path, { host: 'evil.example.com' })).status).toBe(403)
  expect((await send(app, 'GET', path, { host: 'app.example.com' })).status).toBe(200)
})

/** Uses `request`, because `fetch` decodes the body and sets the host. */
function send({ url }: TestApp, method: string, path: string, headers: Record<string, string>) {
  return new Promise<{
    status?: number
    headers: Record<string, string | undefined>
    body: Buffer
  }>((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers }, async (response) => {
      response.setEncoding('latin1')
      const body = Buffer.from(await text(response), 'latin1')
      const received = response.headers as Record<string, string | undefined>
      resolve({ status: response.statusCode ?? 0, headers: received, body })
    })
    sent.once('error', reject).end()
  })
}
