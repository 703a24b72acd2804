import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { errorHelpOf } from '../src/model/error-codes.ts'
import { startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const SANDBOX = {}
const ANONYMOUS = {
  UPSTREAM_URL: 'http://127.0.0.1:1',
  UPSTREAM_API_KEY: 'sk-held',
  ALLOW_ANONYMOUS: '1',
}
const PASS_THROUGH = { UPSTREAM_URL: 'http://127.0.0.1:1' }
const JWT = {
  UPSTREAM_URL: 'http://127.0.0.1:1',
  UPSTREAM_API_KEY: 'sk-held',
  JWKS_URL: 'http://127.0.0.1:1/jwks.json',
  JWT_ISSUER: 'https://login.example.com/',
  JWT_AUDIENCE: 'zerograph',
}

const LOOPBACK = [
  'localhost',
  'LocalHost:4000',
  'localhost.',
  'app.localhost:1',
  '127.0.0.1',
  '127.1.2.3:4000',
  '[::1]',
  '[0:0:0:0:0:0:0:1]:4000',
  '[::ffff:127.0.0.1]:4000',
]
const FOREIGN = [
  'evil.example',
  'evil.example:4000',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'notlocalhost',
  'evil.example#localhost',
  'localhost@evil.example',
  '192.168.0.7:4000',
  '0.0.0.0:4000',
  '[::]:4000',
  '[fd00::1]:4000',
  '[::1',
  '',
]

test.for([
  ['the sandbox', SANDBOX],
  ['anonymous mode', ANONYMOUS],
] as const)('with %s, a request to a non-loopback host is refused', async ([, settings]) => {
  const app = await startApp(settings)

  for (const host of LOOPBACK) {
    expect([host, await statusOfPost(app.url, host), await statusOfUpgrade(app.url, host)]).toEqual(
      [host, 200, 101],
    )
  }
  for (const host of FOREIGN) {
    expect([host, await statusOfPost(app.url, host), await statusOfUpgrade(app.url, host)]).toEqual(
      [host, 403, 403],
    )
  }
})

test('the error message names the refused host and the ALLOWED_HOSTS setting', async () => {
  const app = await startApp(ANONYMOUS)
  const error = {
    message: expect.stringMatching(/"evil\.example".+ALLOWED_HOSTS/),
    extensions: { code: 'FORBIDDEN', requestId: 'mine', ...errorHelpOf('FORBIDDEN') },
  }

  const overHttp = await send(app.url, post('evil.example', 'x-request-id: mine'))
  const overSocket = await send(app.url, upgrade('evil.example', 'x-request-id: mine'))

  expect(JSON.parse(overHttp.body)).toEqual({ errors: [error] })
  expect(JSON.parse(overSocket.body)).toEqual({ errors: [error] })
})

test('a refused mutation in anonymous mode does not reach 0-0', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ ...ANONYMOUS, UPSTREAM_URL: upstream.url })
  const mutation = 'mutation { createAssetGroup(input: { name: "G" }) { __typename } }'

  await send(app.url, post('evil.example', 'x-request-id: mine', mutation))
  expect(upstream.calls).toEqual([])

  await send(app.url, post('localhost', 'x-request-id: mine', mutation))
  expect(upstream.calls).toHaveLength(1)
})

test('a request without a Host header is refused', async () => {
  const app = await startApp(ANONYMOUS)

  const old = await send(app.url, ['GET /graphql?query={__typename} HTTP/1.0', '', ''])
  const withoutHost = upgrade('').filter((line) => !line.startsWith('host'))

  expect(old.status).toBe(403)
  expect((await send(app.url, withoutHost)).status).toBe(403)
})

test('the host of an absolute-form request target is checked too', async () => {
  const app = await startApp(ANONYMOUS)
  const get = async (target: string) =>
    (
      await send(app.url, [
        `GET ${target} HTTP/1.1`,
        'host: localhost',
        'connection: close',
        '',
        '',
      ])
    ).status

  expect(await get('http://evil.example/metrics')).toBe(403)
  expect(await get('http://localhost/metrics')).toBe(200)
})

test('hosts in ALLOWED_HOSTS are accepted, and an entry with a port allows only that port', async () => {
  const app = await startApp({
    ...ANONYMOUS,
    ALLOWED_HOSTS: 'App.Example.com., other.example.com:8080,[FD00::1], 192.168.0.7',
  })
  const status = (host: string) => statusOfPost(app.url, host)

  for (const host of [
    'app.example.com',
    'APP.example.com:4000',
    'app.example.com.',
    'other.example.com:8080',
    '[fd00:0::1]:4000',
    '192.168.0.7:4000',
    'localhost',
  ]) {
    expect([host, await status(host)]).toEqual([host, 200])
  }
  for (const host of ['other.example.com', 'other.example.com:80', 'sub.app.example.com']) {
    expect([host, await status(host)]).toEqual([host, 403])
  }
  expect(await statusOfUpgrade(app.url, 'app.example.com:4000')).toBe(101)
})

test.for([
  ['pass-through mode', PASS_THROUGH],
  ['JWT mode', JWT],
] as const)('in %s, any host is accepted unless ALLOWED_HOSTS is set', async ([, settings]) => {
  const open = await startApp(settings)
  const closed = await startApp({ ...settings, ALLOWED_HOSTS: 'app.example.com' })

  expect(await statusOfPost(open.url, 'any.example')).toBe(200)
  expect(await statusOfUpgrade(open.url, 'any.example')).toBe(101)
  expect(await statusOfPost(closed.url, 'any.example')).toBe(403)
  expect(await statusOfPost(closed.url, 'app.example.com')).toBe(200)
})

test('/health and /ready accept any host, /metrics does not', async () => {
  const app = await startApp(ANONYMOUS)
  const get = async (path: string) =>
    (
      await send(app.url, [
        `GET ${path} HTTP/1.1`,
        'host: 10.0.0.7:4000',
        'connection: close',
        '',
        '',
      ])
    ).status

  expect([await get('/health'), await get('/ready'), await get('/metrics')]).toEqual([
    200, 200, 403,
  ])
})

test.for([
  [{ HOST: 'Box.Local' }, ['box.local']],
  [{ HOST: '192.168.0.7' }, ['192.168.0.7']],
  [{ HOST: 'fd00:0::1' }, ['[fd00::1]']],
  [{ HOST: '0.0.0.0' }, []],
  [{ HOST: '::' }, []],
  [{ HOST: '0::0' }, []],
  [{ HOST: 'box.local', ALLOWED_HOSTS: 'a.example' }, ['box.local', 'a.example']],
] as const)('%o allows the hosts %o', ([environment, names]) => {
  expect(readConfig(environment).allowedHosts?.map(({ name }) => name)).toEqual(names)
})

test.for(['http://a.example', 'a.example/path', 'a.example:http', 'a b', ',', '*'])(
  'ALLOWED_HOSTS=%s is refused',
  (list) => {
    expect(() => readConfig({ ALLOWED_HOSTS: list })).toThrow(/ALLOWED_HOSTS: /)
  },
)

function post(host: string, header = 'x-request-id: r', query = '{ __typename }'): string[] {
  const body = JSON.stringify({ query })
  return [
    'POST /graphql HTTP/1.1',
    `host: ${host}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${body.length}`,
    header,
    '',
    body,
  ]
}

function upgrade(host: string, header = 'x-request-id: r'): string[] {
  return [
    'GET /graphql HTTP/1.1',
    `host: ${host}`,
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol: graphql-transport-ws',
    header,
    '',
    '',
  ]
}

async function statusOfPost(url: string, host: string): Promise<number> {
  return (await send(url, post(host))).status
}

async function statusOfUpgrade(url: string, host: string): Promise<number> {
  return (await send(url, upgrade(host))).status
}

/** Sends raw HTTP lines. Resolves when the connection ends, or after the response head of an upgrade. */
async function send(url: string, lines: string[]): Promise<{ status: number; body: string }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(lines.join('\r\n'))
  const [first] = (await once(socket, 'data')) as [Buffer]
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(String(first))?.[1])
  if (status === 101) {
    socket.destroy()
    return { status, body: '' }
  }
  const answer = String(first) + (await text(socket))
  return { status, body: answer.slice(answer.indexOf('\r\n\r\n') + 4) }
}
