import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { type Data, startApp, type TestApp } from './support/app.ts'
import { initiate, PROTOCOL } from './support/websocket.ts'

const SETTINGS = { UPSTREAM_URL: 'http://127.0.0.1:1', MAX_BODY_BYTES: '1000' }
const QUERY = '{"query":"{ __typename }"}'

const json = (body: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
})
const mutation = encodeURIComponent(
  'mutation { createAssetGroup(input: {name: "G"}) { __typename } }',
)

test.for<[string, string, RequestInit, number, string]>([
  ['an unknown path', '/nothing', {}, 404, 'NOT_FOUND'],
  ['an unsupported method', '/graphql', { method: 'PUT', body: QUERY }, 405, 'BAD_REQUEST'],
  ['a mutation by GET', `/graphql?query=${mutation}`, {}, 405, 'BAD_REQUEST'],
  ['an unsupported media type', '/graphql', { method: 'POST', body: QUERY }, 415, 'BAD_REQUEST'],
  ['a body over the limit', '/graphql', json('x'.repeat(2_000)), 413, 'REQUEST_ENTITY_TOO_LARGE'],
  ['bad JSON', '/graphql', json('{'), 400, 'BAD_REQUEST'],
  ['a batch', '/graphql', json('[]'), 400, 'BAD_REQUEST'],
  ['no query', '/graphql', json('{}'), 400, 'BAD_REQUEST'],
  [
    'a document id without a manifest',
    '/graphql',
    json('{"id":"a"}'),
    400,
    'PERSISTED_QUERY_NOT_SUPPORTED',
  ],
  [
    'an unknown operation name',
    '/graphql',
    json('{"query":"{ __typename }","operationName":"A"}'),
    400,
    'OPERATION_RESOLUTION_FAILURE',
  ],
])('%s writes one log line and counts once', async ([, path, init, status, code]) => {
  const app = await startApp(SETTINGS)

  const response = await fetch(app.url + path, {
    ...init,
    headers: { accept: 'application/json', 'x-request-id': 'mine', ...init.headers },
  })
  const { errors } = await response.json()

  expect(response.status).toBe(status)
  expect(errors[0].extensions).toMatchObject({ code, requestId: 'mine' })
  expect(lines(app)).toEqual([
    expect.objectContaining({ requestId: 'mine', transport: 'http', status, code }),
  ])
  expect(await counts(app)).toEqual([
    `zerograph_refused_requests_total{transport="http",status="${status}",code="${code}"} 1`,
  ])
})

test('a request that accepts no available media type writes one log line', async () => {
  const app = await startApp({ ...SETTINGS, PUBLIC_SCHEMA: '0' })

  const { status } = await fetch(`${app.url}/graphql`, { headers: { accept: 'text/html' } })

  expect(status).toBe(406)
  expect(lines(app)).toEqual([expect.objectContaining({ status: 406, code: 'BAD_REQUEST' })])
})

test.for([
  ['a WebSocket from another origin', { origin: 'https://evil.example' }],
  ['a WebSocket to another host', { host: 'evil.example' }],
] as const)('%s writes one log line and counts once', async ([, headers]) => {
  const app = await startApp({ ...SETTINGS, ALLOWED_HOSTS: 'app.example.com' })
  const socket = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, PROTOCOL, { headers })

  await once(socket, 'error')

  expect(lines(app)).toEqual([
    expect.objectContaining({ transport: 'websocket', status: 403, code: 'FORBIDDEN' }),
  ])
  expect(await counts(app)).toEqual([
    'zerograph_refused_requests_total{transport="websocket",status="403",code="FORBIDDEN"} 1',
  ])
})

test('a request to a host that is not allowed writes one log line and counts once', async () => {
  const app = await startApp({ ...SETTINGS, ALLOWED_HOSTS: 'app.example.com' })

  await once(request(app.url, { headers: { host: 'evil.example' } }).end(), 'response')

  expect(lines(app)).toEqual([
    expect.objectContaining({ transport: 'http', status: 403, code: 'FORBIDDEN' }),
  ])
  expect(await counts(app)).toEqual([
    'zerograph_refused_requests_total{transport="http",status="403",code="FORBIDDEN"} 1',
  ])
})

test('the log line has the request id of the upgrade, even when the client sent none', async () => {
  const app = await startApp(SETTINGS)
  const socket = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, PROTOCOL)
  const [[{ headers }]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
    [IncomingMessage],
    unknown,
  ]

  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { id: 'a' } }))
  await once(socket, 'message')
  socket.terminate()

  expect(lines(app)).toEqual([
    expect.objectContaining({ requestId: `${headers['x-request-id']}.1` }),
  ])
})

test('an unsupported document id over a WebSocket writes one log line and counts once', async () => {
  const app = await startApp(SETTINGS)
  const peer = await initiate(app.url)
  peer.send({ id: '1', type: 'subscribe', payload: { id: 'a' } })
  await peer.next({ id: '1' })

  const code = 'PERSISTED_QUERY_NOT_SUPPORTED'
  expect(lines(app)).toEqual([
    expect.objectContaining({ transport: 'websocket', status: null, code }),
  ])
  expect(await counts(app)).toEqual([
    `zerograph_refused_requests_total{transport="websocket",status="none",code="${code}"} 1`,
  ])
})

test('a failed operation is not also logged as a refused request', async () => {
  const app = await startApp(SETTINGS)

  await app.query('{ asset(')
  await app.query('{ nothing }')
  await app.query('{ asset(id: "Asset-1") { id } }', {}, null)
  await app.query('{ __typename }')

  expect(lines(app)).toEqual([])
  expect(app.log.filter(({ msg }) => msg === 'operation')).toHaveLength(4)
})

function lines({ log }: TestApp): Data[] {
  return log.filter(({ msg }) => msg === 'request refused')
}

async function counts({ url }: TestApp): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return text.split('\n').filter((line) => line.startsWith('zerograph_refused_requests_total{'))
}
