import { Agent, request } from 'node:http'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import packageJson from '../package.json' with { type: 'json' }
import type { Services } from '../src/resolvers/context.ts'
import { startApp, until } from './support/app.ts'
import { eventsOf } from './support/event-stream.ts'
import { scriptUpstream } from './support/upstream.ts'
import { startEndpoint } from './support/websocket.ts'

const READ = JSON.stringify({ query: '{ asset(id: "Asset-1") { status } }' })
const JSON_HEADERS = { 'content-type': 'application/json', authorization: 'Bearer sk-test' }
const SUBSCRIBE = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }'

test('/health and /ready answer, / without the board redirects to GraphQL, and other paths are 404', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', BOARD: '0' })

  const get = async (path: string) => {
    const response = await fetch(`${app.url}${path}`, { redirect: 'manual' })
    return [response.status, response.headers.get('location') ?? (await response.json())]
  }

  expect(await get('/health')).toEqual([200, { status: 'ok', version: packageJson.version }])
  expect(await get('/ready')).toEqual([200, { ready: true }])
  expect(await get('/')).toEqual([302, '/graphql'])
  expect(await get('/nothing')).toMatchObject([404, { errors: [{}] }])
})

test('the request id is accepted or generated, and is in the response, the log and the upstream call', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const post = (id: Record<string, string>) =>
    fetch(`${app.url}/graphql`, { method: 'POST', headers: { ...JSON_HEADERS, ...id }, body: READ })

  const taken = await post({ 'x-request-id': 'mine-1' })
  const made = await post({})
  const refused = await post({ 'x-request-id': 'not an id' })

  expect(taken.headers.get('x-request-id')).toBe('mine-1')
  expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  expect(refused.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  expect(upstream.calls[0]?.headers['x-request-id']).toBe('mine-1')
  expect(app.log).toContainEqual(
    expect.objectContaining({ msg: 'operation', requestId: 'mine-1', type: 'query', errors: [] }),
  )
})

test.for(['"mine"', "mine'", 'mi ne', 'mi,ne', 'mi/ne', 'mi<ne', 'mine\\', '', 'x'.repeat(129)])(
  'the request id %s is replaced',
  async (id) => {
    const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

    const { headers } = await fetch(`${app.url}/health`, { headers: { 'x-request-id': id } })

    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  },
)

test('a request id has at most 128 letters, digits, dots, underscores, colons and hyphens', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
  const id = 'Az09._:-'.padEnd(128, 'x')

  const { headers } = await fetch(`${app.url}/health`, { headers: { 'x-request-id': id } })

  expect(headers.get('x-request-id')).toBe(id)
})

test('an operation over a WebSocket has a request id derived from that of the upgrade', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const socket = open(app.url, { 'x-request-id': 'socket-1' })
  const upgraded = new Promise((resolve) =>
    socket.once('upgrade', ({ headers }) => resolve(headers['x-request-id'])),
  )
  const initiated = await initiate(app.url, { 'x-request-id': 'socket-2' })

  await operate(initiated, { query: SUBSCRIBE })

  expect(await upgraded).toBe('socket-1')
  expect(upstream.calls[0]?.headers['x-request-id']).toBe('socket-2.1')
})

test('headers of the client are not forwarded to 0-0', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { ...JSON_HEADERS, 'X-Access-Key': 'ak', 'X-Secret-Key': 'secret', cookie: 'a=b' },
    body: READ,
  })

  const sent = Object.keys(upstream.calls[0]?.headers ?? {}).sort()
  expect(sent).toEqual([
    'accept',
    'authorization',
    'connection',
    'host',
    'user-agent',
    'x-request-id',
  ])
})

test('the trace log never contains a key', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ path }) => (path.endsWith('2') ? 'reset' : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url, LOG_LEVEL: 'trace' })

  await app.query('{ asset(id: "Asset-1") { status } }', {}, 'sk-very-secret')
  await app.query('{ asset(id: "Asset-2") { status } }', {}, 'sk-very-secret')
  await app.subscribe(SUBSCRIBE, {}, 'sk-very-secret').rest()

  expect(app.log.length).toBeGreaterThan(4)
  expect(JSON.stringify(app.log)).not.toContain('very-secret')
})

test.for([
  ['text/plain', READ],
  ['application/x-www-form-urlencoded', `query=${encodeURIComponent('mutation { x }')}`],
  ['application/graphql', '{ __typename }'],
  ['multipart/form-data; boundary=x', '--x--'],
])('a POST of type %s is refused with 415', async ([type, body]) => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': type ?? '' },
    body: body ?? '',
  })

  expect(response.status).toBe(415)
})

test('a mutation by GET is refused', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const query = encodeURIComponent(
    'mutation { createAssetGroup(input: {name: "G"}) { __typename } }',
  )

  const response = await fetch(`${app.url}/graphql?query=${query}`, {
    headers: { authorization: 'Bearer sk-test', accept: 'application/json' },
  })

  expect(response.status).toBe(405)
  expect(upstream.calls).toEqual([])
})

test('a subscription by GET is refused and sends nothing to 0-0', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const response = await fetch(`${app.url}/graphql?query=${encodeURIComponent(SUBSCRIBE)}`, {
    headers: { authorization: 'Bearer sk-test', accept: 'text/event-stream' },
  })

  expect(response.status === 405 || (await response.text()).includes('GET is for queries')).toBe(
    true,
  )
  expect(upstream.calls).toEqual([])
})

test('only listed origins are allowed over HTTP and WebSocket', async () => {
  const app = await startApp({
    UPSTREAM_URL: 'http://127.0.0.1:1',
    CORS_ORIGINS: 'https://app.example.com, https://other.example.com',
  })
  const allowed = (origin: string) =>
    fetch(`${app.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    }).then(({ headers }) => headers.get('access-control-allow-origin'))
  const opened = (origin: string) =>
    new Promise((resolve) => {
      const socket = open(app.url, { origin })
      socket.once('open', () => resolve(true))
      socket.once('error', () => resolve(false))
    })

  expect(await allowed('https://app.example.com')).toBe('https://app.example.com')
  expect(await allowed('https://other.example.com')).toBe('https://other.example.com')
  // A sandboxed page has the origin `null`.
  for (const origin of ['https://evil.example.com', 'null'])
    expect(await allowed(origin)).toBeNull()
  expect(await opened('https://app.example.com')).toBe(true)
  expect(await opened(app.url)).toBe(true)
  expect(await opened('https://evil.example.com')).toBe(false)
})

test('the upstream read is aborted when the client disconnects', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => new Promise(() => {})
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const leaving = new AbortController()

  const asked = upstream.nextCall('GET /v1/assets/Asset-1')
  const asking = fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: JSON_HEADERS,
    body: READ,
    signal: leaving.signal,
  }).catch(() => 'left')
  await asked
  leaving.abort()
  await asking

  await until(() => app.log.some(({ errorCode }) => errorCode === 'ABORTED'), 500)
  await until(() =>
    app.log.some(({ msg, errors }) => msg === 'operation' && errors[0] === 'ABORTED'),
  )
  expect(app.log.filter(({ level }) => level >= 50)).toEqual([])
})

test('a syntax error in one operation does not end the socket or its other operations', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const socket = await initiate(app.url)
  const watching = operate(socket, { query: SUBSCRIBE }, 'watch')
  await until(() => app.listeners() === 1)

  const faulty = await operate(socket, { query: '{ asset(' }, 'faulty')
  const invalid = await operate(socket, { query: '{ nothing }' }, 'invalid')
  upstream.assets.set('Asset-1', { status: 'Active' })

  expect(faulty).toMatchObject([
    { type: 'error', payload: [{ message: expect.stringContaining('Syntax Error') }] },
  ])
  expect(invalid).toMatchObject([
    { type: 'error', payload: [{ message: expect.stringContaining('nothing') }] },
  ])
  expect((await watching).map(({ type }) => type)).toEqual(['next', 'next', 'complete'])
})

test('subscriptions work as server-sent events on the same URL and release their listeners', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const stream = (signal?: AbortSignal) =>
    fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_HEADERS, accept: 'text/event-stream' },
      body: JSON.stringify({ query: SUBSCRIBE }),
      ...(signal ? { signal } : {}),
    })
  const leaving = new AbortController()

  const left = await stream(leaving.signal)
  await left.body?.getReader().read()
  await until(() => app.listeners() === 1)
  leaving.abort()
  await until(() => app.listeners() === 0, 1_000)
  const whole = await stream()
  await until(() => app.listeners() === 1)
  upstream.assets.set('Asset-1', { status: 'Active' })
  const text = await whole.text()

  expect(whole.headers.get('content-type')).toContain('text/event-stream')
  expect(text.match(/"current":"\w+"/g)).toEqual(['"current":"PROCESSING"', '"current":"ACTIVE"'])
  expect(text).toContain('event: complete')
})

test('event streams count towards the connection limit of the tenant until they end', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_TENANT_SOCKETS: '2' })
  const stream = (leaving: AbortController) =>
    fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_HEADERS, accept: 'text/event-stream' },
      body: JSON.stringify({ query: SUBSCRIBE }),
      signal: leaving.signal,
    })
  const [first, second, third] = [1, 2, 3].map(() => new AbortController()) as [
    AbortController,
    AbortController,
    AbortController,
  ]
  // Keep references: fetch cancels a response that is garbage collected.
  const open = [await stream(first), await stream(second)]
  await until(() => app.listeners() === 2)

  const refused = await stream(third)
  const text = await refused.text()
  first.abort()
  await until(() => app.listeners() === 1)
  open.push(await stream(third))

  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('5')
  expect(JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '')).toMatchObject({
    errors: [
      {
        message:
          'At most 2 sockets and event streams of one tenant may be open at once (tenantSockets).',
        extensions: {
          code: 'RATE_LIMITED',
          retryable: true,
          retryAfterSeconds: 5,
          bound: 'tenantSockets',
          limit: 2,
        },
      },
    ],
  })
  await until(() => app.listeners() === 2)
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200])
})

test('an event stream that cannot begin does not count towards the connection limit', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_TENANT_SOCKETS: '1' })
  const stream = async () => (await streamOf(app.url, SUBSCRIBE)).text()

  const unknown = await stream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const known = await stream()
  const again = await stream()

  expect(unknown).toContain('NOT_FOUND')
  expect([known, again].map((text) => /"current":"\w+"/.exec(text)?.[0])).toEqual([
    '"current":"ACTIVE"',
    '"current":"ACTIVE"',
  ])
})

test('a client that disconnects while its event stream begins does not count towards the limit', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_TENANT_SOCKETS: '1' })
  const leaving = new AbortController()
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')
  const left = streamOf(app.url, SUBSCRIBE, leaving.signal).catch((error) => error.name)
  await asked

  leaving.abort()
  await until(() => app.listeners() === 0)
  gate.resolve(undefined)
  const next = await streamOf(app.url, SUBSCRIBE)

  expect(await left).toBe('AbortError')
  expect(await next.text()).toContain('"current":"ACTIVE"')
})

test('an event stream whose source throws ends with a masked error event', async () => {
  let broken = false
  const services = ({ reads }: Services) => ({
    reads: {
      ...reads,
      transitionsAfter: ((ref, seq) => {
        if (broken) throw new Error('secret of the database')
        return reads.transitionsAfter(ref, seq)
      }) satisfies typeof reads.transitionsAfter,
    },
  })
  const endpoint = await startEndpoint({ services })
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const response = await endpoint.graphql.yoga.fetch(
    'http://localhost/graphql',
    {
      method: 'POST',
      headers: { ...JSON_HEADERS, accept: 'text/event-stream' },
      body: JSON.stringify({ query: SUBSCRIBE }),
    },
    { requestId: 'r' },
  )
  const text = response.text()
  await until(() => endpoint.listeners() === 1)

  broken = true
  await endpoint.observe('Asset-1', 'ACTIVE')

  expect(eventsOf(await text)).toEqual([
    { event: 'next', data: { data: { assetStatusChanged: { current: 'PROCESSING' } } } },
    {
      event: 'next',
      data: { errors: [expect.objectContaining({ message: 'Unexpected error.' })] },
    },
    { event: 'complete', data: null },
  ])
  expect(await text).not.toContain('secret')
  expect(endpoint.listeners()).toBe(0)
  expect(endpoint.log.filter(({ level }) => level >= 50)).toMatchObject([
    { err: { message: 'secret of the database' } },
  ])
})

test('draining finishes running operations, refuses new ones, and closes sockets with 1001', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ path }) => (path.endsWith('Asset-2') ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const socket = await initiate(app.url)
  const closing = new Promise((resolve) => socket.once('close', resolve))
  void operate(socket, { query: SUBSCRIBE }, 'watch')
  await until(() => app.listeners() === 1)
  const asked = upstream.nextCall('GET /v1/assets/Asset-2')
  const running = app.query('{ asset(id: "Asset-2") { status } }')
  await asked
  const keptAlive = await connect(app.url)

  const stopping = app.stop()
  const ready = await keptAlive.get('/ready')
  const refused = await keptAlive.get('/graphql?query={__typename}')
  upstream.assets.set('Asset-2', { status: 'Active' })
  gate.resolve(undefined)

  expect(ready).toBe(503)
  expect(refused).toBe(503)
  expect((await running).data).toEqual({ asset: { status: 'ACTIVE' } })
  expect(await closing).toBe(1001)
  await stopping
  await expect(fetch(app.url)).rejects.toThrow()
})

test('draining does not wait for a stream that is starting or for an incomplete request', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')
  const stream = fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { ...JSON_HEADERS, accept: 'text/event-stream' },
    body: JSON.stringify({ query: SUBSCRIBE }),
  }).then(
    (response) =>
      response.text().then(
        () => 'whole',
        () => 'broken',
      ),
    () => 'broken',
  )
  await asked
  const half = request(`${app.url}/graphql`, {
    method: 'POST',
    headers: { ...JSON_HEADERS, 'content-length': '100' },
  })
  half.on('error', () => {})
  half.write('{"query":')
  await until(async () => (await fetch(`${app.url}/health`)).ok)

  const stopping = app.stop()
  gate.resolve(undefined)

  await stopping
  expect(await stream).toBe('broken')
})

test('an upgrade to another protocol is ignored and the request is answered', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const status = await new Promise((resolve) => {
    const headers = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABk',
    }
    request(`${app.url}/health`, { headers }, (response) => resolve(response.statusCode)).end()
  })

  expect(status).toBe(200)
})

test('the response to a refused upgrade contains the request id', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
  const socket = open(app.url, { origin: 'https://evil.example.com', 'x-request-id': 'mine-2' })

  const [status, id] = await new Promise<unknown[]>((resolve) =>
    socket.once('unexpected-response', (_request, { statusCode, headers }) =>
      resolve([statusCode, headers['x-request-id']]),
    ),
  )

  expect([status, id]).toEqual([403, 'mine-2'])
})

test.for([
  ['{ asset(', {}, 'GRAPHQL_PARSE_FAILED'],
  ['{ nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['query ($id: ID!) { asset(id: $id) { id } }', {}, 'BAD_USER_INPUT'],
  [
    'query ($first: Int) { assets(first: $first) { totalCount } }',
    { first: 'x' },
    'BAD_USER_INPUT',
  ],
  ['{ asset(id: "?") { id } }', {}, 'INVALID_INPUT'],
] as const)(
  '%s with %o has the same error code over both transports',
  async ([query, variables, code]) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })

    const overHttp = await app.query(query, variables)
    const [message] = await operate(await initiate(app.url), { query, variables })
    const { payload } = message as { payload: { errors?: unknown[] } | unknown[] }
    const [overSocket] = Array.isArray(payload) ? payload : (payload.errors ?? [])

    expect(overHttp.errors?.[0]?.extensions?.code).toBe(code)
    expect(overSocket).toMatchObject({ extensions: { code } })
    expect(JSON.stringify(overSocket)).not.toContain('"http"')
  },
)

function open(url: string, headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers,
  })
  socket.once('error', () => {})
  return socket
}

interface Message {
  id?: string
  type: string
  payload?: unknown
}

/** An acknowledged socket. */
async function initiate(url: string, headers?: Record<string, string>): Promise<WebSocket> {
  const socket = open(url, headers)
  await new Promise((resolve) => socket.once('open', resolve))
  const acknowledged = new Promise((resolve) => socket.once('message', resolve))
  const payload = { authorization: 'Bearer sk-test' }
  socket.send(JSON.stringify({ type: 'connection_init', payload }))
  await acknowledged
  return socket
}

/** Runs one operation over the raw protocol. Resolves with its messages when it ends. */
function operate(socket: WebSocket, payload: unknown, id = '1'): Promise<Message[]> {
  const messages: Message[] = []
  socket.send(JSON.stringify({ id, type: 'subscribe', payload }))
  return new Promise((resolve) =>
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message
      if (message.id !== id) return
      messages.push(message)
      if (message.type !== 'next') resolve(messages)
    }),
  )
}

/** A keep-alive connection, opened before draining, because a draining server accepts no new ones. */
async function connect(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const get = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asking = request(`${url}${path}`, { agent }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode))
      })
      asking.once('error', reject).end()
    })
  await get('/health')
  return { get }
}

function streamOf(url: string, query: string, signal: AbortSignal | null = null) {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { ...JSON_HEADERS, accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
    signal,
  })
}
