import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import WebSocket from 'ws'
import { errorHelpOf } from '../src/model/error-codes.ts'
import { RequestError } from '../src/model/failure.ts'
import type { Identity } from '../src/model/identity.ts'
import type { Services } from '../src/resolvers/context.ts'
import { type Data, KEY, startApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'
import {
  dial,
  INIT,
  initiate,
  type Message,
  open,
  PROTOCOL,
  startEndpoint,
} from './support/websocket.ts'

const NO_UPSTREAM = { UPSTREAM_URL: 'http://127.0.0.1:1' }

const subscribeTo = (ids: string[], id: string, fields = 'current') => ({
  type: 'subscribe',
  id,
  payload: {
    query: `subscription ($ids: [ID!]!) { assetStatusChanged(ids: $ids) { ${fields} } }`,
    variables: { ids },
  },
})
const read = (assetId: string, id: string) => ({
  type: 'subscribe',
  id,
  payload: { query: `{ asset(id: "${assetId}") { assetId } }` },
})
const TYPENAME = { query: '{ __typename }' }
const CREATE =
  'mutation { createAsset(input: { groupId: "group-1", url: "https://example.com/a.png" }) { __typename } }'

/** No reason contains data of the client. */
const REASONS: Record<number, string> = {
  1009: '',
  4400: 'Invalid message received',
  4401: 'Unauthorized',
  4429: 'Too many initialisation requests',
}

test.for<[what: string, messages: unknown[], code: number]>([
  ['invalid JSON', ['{'], 4400],
  ['an empty message', [''], 4400],
  ['null', ['null'], 4400],
  ['a list', ['[]'], 4400],
  ['a string', ['"ping"'], 4400],
  ['a message without a type', [{}], 4400],
  ['an empty type', [{ type: '' }], 4400],
  ['a type that is not a string', [{ type: 1 }], 4400],
  ['an unknown type', [{ type: 'start' }], 4400],
  ['the type __proto__', [{ type: '__proto__' }], 4400],
  ['connection_init with a string as payload', [{ ...INIT, payload: KEY }], 4400],
  ['connection_init with a list as payload', [{ ...INIT, payload: [KEY] }], 4400],
  ['ping with a number as payload', [{ type: 'ping', payload: 1 }], 4400],
  ['pong with a list as payload', [{ type: 'pong', payload: [] }], 4400],
  ['connection_ack, which only servers send', [{ type: 'connection_ack' }], 4400],
  ['next, which only servers send', [INIT, { type: 'next', id: '1', payload: {} }], 4400],
  [
    'error, which only servers send',
    [INIT, { type: 'error', id: '1', payload: [{ message: '' }] }],
    4400,
  ],
  ['error with numbers as errors', [INIT, { type: 'error', id: '1', payload: [1] }], 4400],
  ['a binary message', [Buffer.from(JSON.stringify(INIT))], 4400],
  ['subscribe without id', [INIT, { type: 'subscribe', payload: TYPENAME }], 4400],
  ['subscribe with an empty id', [INIT, { type: 'subscribe', id: '', payload: TYPENAME }], 4400],
  ['subscribe with a number as id', [INIT, { type: 'subscribe', id: 1, payload: TYPENAME }], 4400],
  ['subscribe without payload', [INIT, { type: 'subscribe', id: '1' }], 4400],
  ['subscribe with null as payload', [INIT, { type: 'subscribe', id: '1', payload: null }], 4400],
  [
    'subscribe with a string as payload',
    [INIT, { type: 'subscribe', id: '1', payload: '{ a }' }],
    4400,
  ],
  ['subscribe without query', [INIT, { type: 'subscribe', id: '1', payload: {} }], 4400],
  [
    'subscribe with an object as query',
    [INIT, { type: 'subscribe', id: '1', payload: { query: {} } }],
    4400,
  ],
  [
    'subscribe with a list of variables',
    [INIT, { type: 'subscribe', id: '1', payload: { ...TYPENAME, variables: [] } }],
    4400,
  ],
  [
    'subscribe with a number as operationName',
    [INIT, { type: 'subscribe', id: '1', payload: { ...TYPENAME, operationName: 1 } }],
    4400,
  ],
  [
    'subscribe with a string as extensions',
    [INIT, { type: 'subscribe', id: '1', payload: { ...TYPENAME, extensions: '' } }],
    4400,
  ],
  ['complete without id', [INIT, { type: 'complete' }], 4400],
  ['complete with an empty id', [INIT, { type: 'complete', id: '' }], 4400],
  ['complete with a number as id', [INIT, { type: 'complete', id: 1 }], 4400],
  ['subscribe before connection_init', [{ type: 'subscribe', id: '1', payload: TYPENAME }], 4401],
  ['a second connection_init', [INIT, INIT], 4429],
  ['a message of more than 64 KiB', [{ type: 'ping', payload: { x: 'x'.repeat(65_536) } }], 1009],
])('%s closes the socket with the code of the protocol', async ([, messages, code]) => {
  const app = await startApp(NO_UPSTREAM)
  const peer = await open(app.url)

  for (const message of messages) {
    if (message instanceof Buffer) peer.socket.send(message)
    else peer.send(message)
  }
  const closed = await peer.closed

  expect(closed).toEqual({ code, reason: REASONS[code] })
  expect(app.log.filter(({ level }) => level >= 50)).toEqual([])
})

test('a subscribe during authentication closes the socket with 4401', async () => {
  const endpoint = await startEndpoint({ authenticate: () => new Promise(() => {}) })
  const peer = await open(endpoint.url)

  peer.send(INIT)
  peer.send({ type: 'subscribe', id: '1', payload: TYPENAME })

  expect((await peer.closed).code).toBe(4401)
  expect(peer.messages).toEqual([])
})

test.for([
  ['1', 'Subscriber for 1 already exists'],
  ['é'.repeat(46), `Subscriber for ${'é'.repeat(46)} already exists`],
  [`${'é'.repeat(46)}1`, `Subscriber for ${'é'.repeat(46)}1 already exists`],
  ['é'.repeat(47), 'Subscriber already exists'],
  ['é'.repeat(100), 'Subscriber already exists'],
])('a duplicate id %s closes with 4409 and ends all operations', async ([id = '', reason]) => {
  const endpoint = await startEndpoint()
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  peer.send(subscribeTo(['Asset-1'], id))
  await peer.next({ type: 'next' })

  peer.send(subscribeTo(['Asset-1'], id))

  expect(await peer.closed).toEqual({ code: 4409, reason })
  expect(endpoint.listeners()).toBe(0)
})

test('a message after the one that closed the socket is not executed', async () => {
  const endpoint = await startEndpoint()
  const peer = await initiate(endpoint.url)

  peer.send('{')
  peer.send(read('Asset-1', '1'))

  expect((await peer.closed).code).toBe(4400)
  expect(endpoint.upstream.calls).toEqual([])
})

test('an id is in use from its subscribe message, before its operation begins', async () => {
  const app = await startApp(NO_UPSTREAM)
  const peer = await initiate(app.url)

  peer.send({ type: 'subscribe', id: '__proto__', payload: TYPENAME })
  peer.send({ type: 'subscribe', id: '__proto__', payload: TYPENAME })

  expect((await peer.closed).code).toBe(4409)
})

test('a socket without connection_init closes with 4408, and other sockets stay open', async () => {
  const endpoint = await startEndpoint({ initTimeoutMs: 50 })
  const initiated = await initiate(endpoint.url)
  const silent = await open(endpoint.url)

  expect(await silent.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' })
  await initiated.sendAndWait()
  expect(endpoint.sockets()).toBe(1)
})

test.for([[null], ['graphql-ws'], ['graphql-transport-ws2, soap']] as const)(
  'the subprotocol %s closes the socket with 4406',
  async ([protocol]) => {
    const app = await startApp(NO_UPSTREAM)

    const wire = await dial(app.url, protocol)
    const reason = 'Subprotocol not acceptable'
    await until(() => wire.received().length >= 4 + reason.length)

    expect([wire.received()[0], wire.received().readUInt16BE(2)]).toEqual([0x88, 4406])
    expect(String(wire.received().subarray(4))).toBe(reason)
  },
)

test('the response to an upgrade has the given or a new request id', async () => {
  const endpoint = await startEndpoint()
  const requestIdOf = async (headers: Record<string, string>) => {
    const socket = new WebSocket(`${endpoint.url.replace('http', 'ws')}/graphql`, PROTOCOL, {
      headers,
    })
    onTestFinished(() => socket.terminate())
    const [response] = await once(socket, 'upgrade')
    return response.headers['x-request-id']
  }

  expect(await requestIdOf({ 'x-request-id': 'mine' })).toBe('mine')
  expect(await requestIdOf({})).toMatch(/^[\w-]{8,}$/)
})

test.for(['documentId', 'doc_id', 'id', 'extensions'])(
  'subscribe accepts %s instead of a query, and a query takes precedence',
  async (name) => {
    const endpoint = await startEndpoint()
    const peer = await initiate(endpoint.url)
    const payload =
      name === 'extensions'
        ? { extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } }
        : { [name]: 'a' }

    peer.send({ type: 'subscribe', id: '1', payload })
    const named = await peer.next({ id: '1' })
    peer.send({ type: 'subscribe', id: '2', payload: { ...payload, ...TYPENAME } })
    const withText = await peer.next({ id: '2' })

    expect(named).toMatchObject({
      type: 'error',
      payload: [{ message: 'PersistedQueryNotSupported' }],
    })
    expect(withText).toMatchObject({ payload: { data: { __typename: 'Query' } } })
  },
)

test('the subprotocol is selected from several, and compression is not negotiated', async () => {
  const app = await startApp(NO_UPSTREAM)

  const wire = await dial(app.url, 'graphql-ws, graphql-transport-ws')
  wire.send(INIT)
  await until(() => wire.received().includes('connection_ack'))
  const peer = await open(app.url, { perMessageDeflate: true })

  expect(peer.socket.extensions).toBe('')
})

test('a ping is answered with its payload, even before connection_init, and a pong is not answered', async () => {
  const app = await startApp(NO_UPSTREAM)
  const peer = await open(app.url)

  peer.send({ type: 'pong' })
  peer.send({ type: 'pong', payload: { a: 1 } })
  peer.send({ type: 'ping' })
  peer.send({ type: 'ping', payload: { at: [1, null] } })
  peer.send(INIT)
  await peer.next({ type: 'connection_ack' })
  peer.send({ type: 'ping', payload: null })
  await peer.sendAndWait()

  expect(peer.messages.slice(0, 4)).toEqual([
    { type: 'pong' },
    { type: 'pong', payload: { at: [1, null] } },
    { type: 'connection_ack' },
    { type: 'pong' },
  ])
})

test('an invalid operation ends only itself', async () => {
  const endpoint = await startEndpoint()
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  peer.send(subscribeTo(['Asset-1'], 'stands'))
  await peer.next({ id: 'stands' })

  const syntax = await peer.run('{ asset(')
  const validation = await peer.run('subscription { nothing }')
  const twoOperations = await peer.run('query A { __typename } query B { __typename }')
  await endpoint.observe('Asset-1', 'ACTIVE')

  expect(syntax).toMatchObject([
    { type: 'error', payload: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
  ])
  expect(validation).toMatchObject([
    { type: 'error', payload: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] },
  ])
  expect(twoOperations).toMatchObject([
    { type: 'error', payload: [{ extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } }] },
  ])
  expect(await peer.next({ id: 'stands' })).toMatchObject({ type: 'next' })
  expect(await peer.next({ id: 'stands' })).toEqual({ id: 'stands', type: 'complete' })
})

test('a field that fails during a stream is null in its event, and the stream continues', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const peer = await initiate(app.url)
  upstream.intercept = ({ path }) =>
    path.includes('asset-groups') ? { status: 403, body: 'secret' } : undefined

  peer.send(subscribeTo(['Asset-1'], '1', 'current asset { group { name } }'))
  const first = await peer.next({ id: '1' })
  upstream.intercept = () => undefined
  upstream.assets.set('Asset-1', { status: 'Active' })
  const second = await peer.next({ id: '1' })

  expect(first.payload.data.assetStatusChanged).toEqual({
    current: 'PROCESSING',
    asset: { group: null },
  })
  expect(first.payload.errors).toMatchObject([{ path: ['assetStatusChanged', 'asset', 'group'] }])
  expect(JSON.stringify(first)).not.toContain('secret')
  expect(second.payload.data.assetStatusChanged.asset.group).toEqual({ name: 'Group group-1' })
  expect(await peer.next({ id: '1' })).toEqual({ id: '1', type: 'complete' })
})

test('a source that throws ends only its own operation with a masked error', async () => {
  let broken = false
  const services = ({ reads }: Services) => ({
    reads: {
      ...reads,
      transitionsAfter: ((ref, seq) => {
        if (broken && ref.key.endsWith('-1')) throw new Error('secret of the database')
        return reads.transitionsAfter(ref, seq)
      }) satisfies typeof reads.transitionsAfter,
    },
  })
  const endpoint = await startEndpoint({ services })
  for (const id of ['Asset-1', 'Asset-2'])
    endpoint.upstream.assets.set(id, { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  for (const id of ['1', '2']) peer.send(subscribeTo([`Asset-${id}`], id))
  await peer.next({ id: '1' })
  await peer.next({ id: '2' })

  broken = true
  await endpoint.observe('Asset-1', 'ACTIVE')
  const error = await peer.next({ id: '1' })
  await endpoint.observe('Asset-2', 'ACTIVE')

  expect(error).toMatchObject({ type: 'error', payload: [{ message: 'Unexpected error.' }] })
  expect(JSON.stringify(peer.messages)).not.toContain('secret')
  expect(await peer.next({ id: '2' })).toMatchObject({ type: 'next' })
  expect(await peer.next({ id: '2' })).toMatchObject({ type: 'complete' })
  expect(endpoint.listeners()).toBe(0)
  expect(endpoint.log.filter(({ level }) => level >= 50)).toMatchObject([
    { err: { message: 'secret of the database' } },
  ])
})

test('operationName selects the operation, and variables are passed', async () => {
  const endpoint = await startEndpoint()
  const peer = await initiate(endpoint.url)
  const query = `query A { __typename } query B($ids: [ID!]!) { nodes(ids: $ids) { id } }`

  peer.send({
    type: 'subscribe',
    id: '1',
    payload: { query, operationName: 'B', variables: { ids: [] } },
  })

  expect((await peer.next({ id: '1' })).payload).toEqual({ data: { nodes: [] } })
})

test('two operations without operationName are refused with the same message as over HTTP', async () => {
  const endpoint = await startEndpoint()
  const peer = await initiate(endpoint.url)

  const [answer] = await peer.run('query A { __typename } query B { __typename }')

  expect(answer?.payload).toMatchObject([
    { message: 'Could not determine what operation to execute.' },
  ])
})

test('each operation of a socket has its own request id in errors and logs', async () => {
  const endpoint = await startEndpoint()
  const peer = await open(endpoint.url, { headers: { 'x-request-id': 'mine' } })
  peer.send(INIT)
  await peer.next({ type: 'connection_ack' })

  await peer.run('{ __typename }')
  const [answer] = await peer.run('{ asset(')

  expect(endpoint.log.map(({ requestId }) => requestId)).toEqual(['mine.1', 'mine.2'])
  expect(answer?.payload[0].extensions.requestId).toBe('mine.2')
})

test.for([
  ['Authorization', 'Bearer sk-a', []],
  ['authorization', 'Bearer sk-a', []],
  ['authorization', 7, ['UNAUTHENTICATED']],
  ['authorization', 'sk-a', ['UNAUTHENTICATED']],
  ['token', 'Bearer sk-a', ['UNAUTHENTICATED']],
] as const)(
  'connection_init with %s: %j authenticates only with a Bearer key',
  async ([name, value, codes]) => {
    const endpoint = await startEndpoint()
    endpoint.upstream.assets.set('Asset-1', { status: 'Active' })
    const peer = await initiate(endpoint.url, {
      type: 'connection_init',
      payload: { [name]: value },
    })

    const [answer] = await peer.run('{ asset(id: "Asset-1") { status } }')

    const errors: Data[] = answer?.payload.errors ?? []
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(codes)
    const sent = endpoint.upstream.calls.map(({ headers }) => headers.authorization)
    expect(sent).toEqual(codes.length === 0 ? ['Bearer sk-a'] : [])
  },
)

test('an id may be reused after its operation completed or failed', async () => {
  const app = await startApp(NO_UPSTREAM)
  const peer = await initiate(app.url)

  const answers = [
    await peer.run('{ __typename }'),
    await peer.run('{ asset('),
    await peer.run('{ __typename }'),
  ]

  expect(answers.map((answer) => answer.map(({ type }) => type))).toEqual([
    ['next', 'complete'],
    ['error'],
    ['next', 'complete'],
  ])
})

test('complete aborts the upstream read, and its result is not sent to the next operation with the id', async () => {
  const upstream = await scriptUpstream()
  for (const id of ['Asset-1', 'Asset-2']) upstream.assets.set(id, { status: 'Active' })
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ path }) => (path.endsWith('Asset-1') ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const peer = await initiate(app.url)
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')

  peer.send(read('Asset-1', '1'))
  await asked
  peer.send({ type: 'complete', id: '1' })
  peer.send(read('Asset-2', '1'))
  const answers = [await peer.next({ id: '1' }), await peer.next({ id: '1' })]
  await until(() => app.log.some(({ errorCode }) => errorCode === 'ABORTED'), 500)
  gate.resolve(undefined)
  await peer.sendAndWait()

  expect(answers).toEqual([
    { id: '1', type: 'next', payload: { data: { asset: { assetId: 'Asset-2' } } } },
    { id: '1', type: 'complete' },
  ])
  expect(peer.messages.filter(({ id }) => id)).toEqual(answers)
})

test('no message follows a complete, even when it races with the last event', async () => {
  const endpoint = await startEndpoint()
  const peer = await initiate(endpoint.url)
  const late: Message[] = []
  const assetOf = ({ payload }: Message) => payload.data.assetStatusChanged.asset.assetId

  for (let round = 0; round < 200; round += 1) {
    const asset = `Asset-${round}`
    endpoint.upstream.assets.set(asset, { status: 'Processing' })
    peer.send(subscribeTo([asset], '1', 'current asset { assetId group { name } }'))
    while (assetOf(await peer.next({ id: '1', type: 'next' })) !== asset);

    const observing = endpoint.observe(asset, 'ACTIVE')
    for (let wait = round % 10; wait > 0; wait -= 1) await turn()
    await peer.sendAndWait({ type: 'complete', id: '1' })
    const completed = peer.messages.findLastIndex(({ type }) => type === 'pong')
    await observing
    await peer.sendAndWait()
    late.push(...peer.messages.slice(completed).filter(({ id }) => id === '1'))
  }

  expect(late).toEqual([])
  expect(endpoint.listeners()).toBe(0)
})

test('a complete for an unknown id is ignored', async () => {
  const app = await startApp(NO_UPSTREAM)
  const peer = await initiate(app.url)

  peer.send({ type: 'complete', id: 'never' })
  peer.send({ type: 'complete', id: '__proto__' })
  await peer.sendAndWait()

  expect(await peer.run('{ __typename }')).toHaveLength(2)
})

test.for([
  ['closes the socket', ({ socket }: { socket: { close(): void } }) => socket.close()],
  ['disconnects', ({ socket }: { socket: { terminate(): void } }) => socket.terminate()],
  ['breaks the protocol', (peer: { send(text: string): void }) => peer.send('{')],
] as const)('all operations end when a client %s', async ([, leave]) => {
  const endpoint = await startEndpoint()
  const ids = Array.from({ length: 5 }, (_, index) => `Asset-${index}`)
  for (const id of ids) endpoint.upstream.assets.set(id, { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  for (const id of ids) peer.send(subscribeTo([id], id))
  await Promise.all(ids.map((id) => peer.next({ id })))
  const present = endpoint.listeners()

  leave(peer as never)

  await until(() => endpoint.listeners() === 0, 500)
  await until(() => endpoint.sockets() === 0)
  expect(present).toBe(5)
})

test('only a client that answers no ping is disconnected, within two keep-alive intervals', async () => {
  const keepAliveMs = 150
  const endpoint = await startEndpoint({ keepAliveMs })
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const alive = await initiate(endpoint.url)
  const startedAt = performance.now()
  const dead = await dial(endpoint.url)
  dead.send(INIT)
  dead.send(subscribeTo(['Asset-1'], '1'))
  await until(() => endpoint.listeners() === 1)
  dead.socket.pause()

  await until(() => endpoint.listeners() === 0)
  const took = performance.now() - startedAt
  await once(alive.socket, 'ping')

  expect(took).toBeGreaterThan(keepAliveMs)
  expect(took).toBeLessThan(2 * keepAliveMs + 100)
  expect(endpoint.sockets()).toBe(1)
})

test('a subscriber that stops reading delays no other, misses no change and buffers less than two events', async () => {
  const endpoint = await startEndpoint()
  const ids = Array.from({ length: 60 }, (_, index) => `Asset-${index}`)
  const name = 'n'.repeat(1_000)
  for (const id of ids) endpoint.upstream.assets.set(id, { status: 'Processing', name })
  const reader = await initiate(endpoint.url)
  const paused = await initiate(endpoint.url)
  const aliases = Array.from({ length: 30 }, (_, index) => `n${index}: name`).join(' ')
  const big = subscribeTo(ids, '1', `current asset { assetId ${aliases} }`)
  reader.send(subscribeTo(ids, '1', 'current asset { assetId }'))
  await reader.next({ id: '1' })
  paused.send(big)
  await paused.next({ id: '1' })
  const end = endpoint.connections[1]

  paused.socket.pause()
  let buffered = 0
  reader.socket.on('message', () => {
    buffered = Math.max(buffered, end?.writableLength ?? Number.NaN)
  })
  for (let round = 0; round < 10; round += 1) {
    for (const status of ['UNKNOWN', 'PROCESSING'] as const) {
      await Promise.all(ids.map((id) => endpoint.observe(id, status)))
    }
  }
  await Promise.all(ids.map((id) => endpoint.observe(id, 'ACTIVE')))
  await reader.next({ id: '1', type: 'complete' })
  const whilePaused = paused.messages.length
  paused.socket.resume()
  await paused.next({ id: '1', type: 'complete' })

  const eventBytes = JSON.stringify(paused.messages[1]).length
  const statuses = ({ messages }: { messages: Message[] }) =>
    Object.groupBy(
      messages
        .filter(({ type }) => type === 'next')
        .map(({ payload }) => payload.data.assetStatusChanged),
      ({ asset }) => asset.assetId,
    )
  expect(whilePaused).toBeLessThan(200)
  expect(buffered).toBeGreaterThan(0)
  expect(buffered).toBeLessThan(2 * eventBytes)
  for (const peer of [reader, paused]) {
    for (const changes of Object.values(statuses(peer))) {
      expect(changes?.map(({ current }) => current)).toEqual([
        'PROCESSING',
        ...Array.from({ length: 10 }, () => ['UNKNOWN', 'PROCESSING']).flat(),
        'ACTIVE',
      ])
    }
    expect(Object.keys(statuses(peer))).toHaveLength(60)
  }
})

test('the service stops reading from a client that does not read, and disconnects it', async () => {
  const endpoint = await startEndpoint({ keepAliveMs: 500 })
  const wire = await dial(endpoint.url)
  wire.socket.pause()
  const [end] = endpoint.connections
  let buffered = 0
  const ping = { type: 'ping', payload: { x: 'x'.repeat(60_000) } }

  for (let sent = 0; sent < 1_000; sent += 1) wire.send(ping)
  const measure = () => {
    buffered = Math.max(buffered, end?.writableLength ?? Number.NaN)
  }
  end?.on('data', measure)
  await until(() => endpoint.sockets() === 0)

  expect(buffered).toBeGreaterThan(0)
  expect(buffered).toBeLessThan(1024 * 1024)
  expect(end?.bytesRead).toBeLessThan(30_000_000)
})

test('a client that resumes reading gets every response', async () => {
  const endpoint = await startEndpoint()
  const peer = await open(endpoint.url)
  const [end] = endpoint.connections
  const filler = 'x'.repeat(60_000)
  peer.socket.pause()

  for (let sent = 0; sent < 300; sent += 1) peer.send({ type: 'ping', payload: { sent, filler } })
  await until(() => (end?.writableLength ?? 0) > 256 * 1024)
  peer.socket.resume()
  const pongs: number[] = []
  while (pongs.length < 300) pongs.push((await peer.next({ type: 'pong' })).payload.sent)
  peer.send(INIT)

  expect(pongs).toEqual(Array.from({ length: 300 }, (_, index) => index))
  expect(await peer.next({ type: 'connection_ack' })).toEqual({ type: 'connection_ack' })
})

test('an operation over the limit of a socket is refused, and the socket stays open', async () => {
  const upstream = await scriptUpstream()
  for (const id of ['Asset-1', 'Asset-2']) upstream.assets.set(id, { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_SOCKET_OPERATIONS: '2' })
  const peer = await initiate(app.url)
  for (const id of ['Asset-1', 'Asset-2']) {
    peer.send(subscribeTo([id], id))
    await peer.next({ id })
  }

  const refused = await peer.run('{ asset(id: "Asset-9") { status } }')
  peer.send({ type: 'complete', id: 'Asset-1' })
  const admitted = await peer.run('{ __typename }')

  expect(refused).toEqual([
    {
      id: 'run',
      type: 'error',
      payload: [
        {
          message: 'At most 2 operations may run at once on one socket (socketOperations).',
          extensions: {
            code: 'INVALID_INPUT',
            retryable: true,
            bound: 'socketOperations',
            limit: 2,
            requestId: expect.any(String),
            ...errorHelpOf('INVALID_INPUT'),
          },
        },
      ],
    },
  ])
  expect(upstream.callsTo('GET /v1/assets/Asset-9')).toEqual([])
  expect(admitted).toMatchObject([{ type: 'next' }, { type: 'complete' }])
})

test('an operation counts towards the limit until it ends, even after complete', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_SOCKET_OPERATIONS: '1' })
  const peer = await initiate(app.url)
  const asked = upstream.nextCall('POST /v1/assets')

  peer.send({ type: 'subscribe', id: '1', payload: { query: CREATE } })
  await asked
  peer.send({ type: 'complete', id: '1' })
  const refused = await peer.run('{ __typename }')
  gate.resolve(undefined)

  expect(refused).toMatchObject([{ type: 'error' }])
  await until(async () => (await peer.run('{ __typename }')).length === 2)
  expect(peer.messages.filter(({ id }) => id === '1')).toEqual([])
})

test('an operation completed before it begins is not executed', async () => {
  const endpoint = await startEndpoint({ environment: { MAX_SOCKET_OPERATIONS: '5' } })
  const peer = await initiate(endpoint.url)
  const pairs = Array.from({ length: 300 }, (_, index) => [
    read('Asset-1', `${index}`),
    { type: 'complete', id: `${index}` },
  ])

  await peer.sendAndWait(...pairs.flat())
  await peer.run('query Last { __typename }')

  expect(endpoint.log.map(({ name }) => name)).toEqual(['Last'])
  expect(endpoint.upstream.calls).toEqual([])
  expect(peer.messages.filter(({ id }) => id && id !== 'run')).toEqual([])
})

test('an operation completed during its preparation counts until then and is not executed', async () => {
  const contexts = Promise.withResolvers<void>()
  const endpoint = await startEndpoint({
    contexts: contexts.promise,
    environment: { MAX_SOCKET_OPERATIONS: '2' },
  })
  const peer = await initiate(endpoint.url)
  for (const id of ['1', '2']) {
    peer.send(read('Asset-1', id))
    await peer.sendAndWait({ type: 'complete', id })
  }

  const refused = await peer.run('{ __typename }')
  contexts.resolve()
  await until(async () => (await peer.run('{ __typename }')).length === 2)

  expect(refused).toMatchObject([
    { type: 'error', payload: [{ extensions: { bound: 'socketOperations' } }] },
  ])
  expect(endpoint.upstream.calls).toEqual([])
  expect(peer.messages.filter(({ id }) => id === '1' || id === '2')).toEqual([])
})

test('at the limit complete and subscribe in one packet replace a subscription', async () => {
  const endpoint = await startEndpoint({ environment: { MAX_SOCKET_OPERATIONS: '1' } })
  for (const id of ['Asset-1', 'Asset-2'])
    endpoint.upstream.assets.set(id, { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  peer.send(subscribeTo(['Asset-1'], '1'))
  await peer.next({ id: '1' })

  await peer.sendAndWait({ type: 'complete', id: '1' }, subscribeTo(['Asset-2'], '2'))

  expect(await peer.next({ id: '2' })).toMatchObject({ type: 'next' })
})

test('an operation over the limit that is completed first gets no error', async () => {
  const endpoint = await startEndpoint({ environment: { MAX_SOCKET_OPERATIONS: '1' } })
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  peer.send(subscribeTo(['Asset-1'], '1'))
  await peer.next({ id: '1' })

  await peer.sendAndWait(read('Asset-2', '2'), { type: 'complete', id: '2' })
  await peer.run('{ __typename }')

  expect(peer.messages.filter(({ id }) => id === '2')).toEqual([])
})

test('an id may be reused after its operation was refused', async () => {
  const endpoint = await startEndpoint({ environment: { MAX_SOCKET_OPERATIONS: '1' } })
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  peer.send(subscribeTo(['Asset-1'], '1'))
  await peer.next({ id: '1' })

  const refused = [await peer.run('{ __typename }', '2'), await peer.run('{ __typename }', '2')]

  expect(refused).toMatchObject([[{ type: 'error' }], [{ type: 'error' }]])
})

test('a socket that closes during authentication does not count towards the connection limit', async () => {
  const credential = Promise.withResolvers<Identity>()
  const identity = { tenant: 't', credential: KEY, isShared: false, expiresAt: null }
  let asked = 0
  const endpoint = await startEndpoint({
    environment: { MAX_TENANT_SOCKETS: '1' },
    authenticate: async () => (asked++ === 0 ? credential.promise : identity),
  })
  const leaving = await open(endpoint.url)
  leaving.send(INIT)
  await until(() => asked === 1)
  leaving.socket.terminate()
  await until(() => endpoint.sockets() === 0)

  credential.resolve(identity)
  const next = await initiate(endpoint.url)

  expect(next.messages).toEqual([{ type: 'connection_ack' }])
})

test('a socket over the limit of its tenant is closed with 1013 until another one closes', async () => {
  const app = await startApp({ ...NO_UPSTREAM, MAX_TENANT_SOCKETS: '2' })
  await open(app.url)
  const first = await initiate(app.url)
  await initiate(app.url)
  const newest = await open(app.url)

  newest.send(INIT)
  const closed = await newest.closed
  await initiate(app.url, {
    type: 'connection_init',
    payload: { authorization: 'Bearer sk-other' },
  })
  first.socket.close()
  // The service may notice later than the client that the socket is closed.
  const isAdmitted = () =>
    initiate(app.url).then(
      () => true,
      () => false,
    )
  await until(isAdmitted)

  expect(closed).toEqual({
    code: 1013,
    reason:
      'At most 2 sockets and event streams of one tenant may be open at once (tenantSockets).',
  })
  expect(newest.messages).toEqual([])
  expect(await isAdmitted()).toBe(false)
})

test('sockets without an identity count as one tenant towards the connection limit', async () => {
  const app = await startApp({ ...NO_UPSTREAM, MAX_TENANT_SOCKETS: '1' })
  await initiate(app.url, { type: 'connection_init' })
  const second = await open(app.url)

  second.send({ type: 'connection_init', payload: { authorization: 'Basic x' } })

  expect((await second.closed).code).toBe(1013)
})

const expiring = (ms: number) => async (): Promise<Identity> => ({
  tenant: 't',
  credential: KEY,
  isShared: false,
  expiresAt: Date.now() + ms,
})

test('a credential that expires closes its socket with 4403 and ends its operations', async () => {
  let expiresAt = 0
  const endpoint = await startEndpoint({
    async authenticate() {
      expiresAt = Date.now() + 1_000
      return { tenant: 't', credential: KEY, isShared: false, expiresAt }
    },
  })
  const ids = ['Asset-1', 'Asset-2']
  for (const id of ids) endpoint.upstream.assets.set(id, { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  for (const id of ids) peer.send(subscribeTo([id], id))
  for (const id of ids) await peer.next({ id })

  const closed = await peer.closed
  const closedAt = Date.now()

  expect(closed).toEqual({ code: 4403, reason: 'The credential has expired' })
  expect(closedAt).toBeGreaterThanOrEqual(expiresAt)
  expect(closedAt).toBeLessThan(expiresAt + 1_000)
  expect(peer.messages.map(({ type }) => type)).toEqual(['connection_ack', 'next', 'next'])
  expect(endpoint.listeners()).toBe(0)
})

test('a credential that expired during a system sleep closes its socket at the next keep-alive', async () => {
  const endpoint = await startEndpoint({ authenticate: expiring(60_000), keepAliveMs: 50 })
  const peer = await initiate(endpoint.url)
  await once(peer.socket, 'ping')

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  onTestFinished(() => void vi.useRealTimers())

  expect((await peer.closed).code).toBe(4403)
})

test('an operation after the expiry is not executed, even before a timer fires', async () => {
  const endpoint = await startEndpoint({ authenticate: expiring(60_000) })
  const peer = await initiate(endpoint.url)

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  onTestFinished(() => void vi.useRealTimers())
  peer.send(read('Asset-1', '1'))

  expect((await peer.closed).code).toBe(4403)
  expect(endpoint.upstream.calls).toEqual([])
  expect(endpoint.log).toEqual([])
})

test('a result after the expiry is not sent and closes the socket', async () => {
  const endpoint = await startEndpoint({ authenticate: expiring(60_000) })
  endpoint.upstream.assets.set('Asset-1', { status: 'Processing' })
  const peer = await initiate(endpoint.url)
  peer.send(subscribeTo(['Asset-1'], '1'))
  await peer.next({ id: '1' })

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  onTestFinished(() => void vi.useRealTimers())
  await endpoint.observe('Asset-1', 'ACTIVE', 't')

  expect((await peer.closed).code).toBe(4403)
  expect(peer.messages.map(({ type }) => type)).toEqual(['connection_ack', 'next'])
})

test('an already expired credential executes nothing', async () => {
  const endpoint = await startEndpoint({ authenticate: expiring(0) })
  const peer = await initiate(endpoint.url)

  peer.send(read('Asset-1', '1'))

  expect((await peer.closed).code).toBe(4403)
  expect(endpoint.upstream.calls).toEqual([])
})

test('an invalid credential keeps the socket open and makes every operation UNAUTHENTICATED', async () => {
  const failure = { code: 'UNAUTHENTICATED', message: 'No good.', retryable: false } as const
  const endpoint = await startEndpoint({
    authenticate: async () => {
      throw new RequestError(failure)
    },
  })
  const peer = await initiate(endpoint.url)

  for (let round = 0; round < 2; round += 1) {
    const [answer] = await peer.run('{ asset(id: "Asset-1") { status } }')
    expect(answer?.payload.errors).toMatchObject([
      { message: 'No good.', extensions: { code: 'UNAUTHENTICATED' } },
    ])
  }
})

test('unavailable authentication closes with 1013 and an internal error with 4500, without details', async () => {
  const unavailable = new RequestError({
    code: 'SERVICE_UNAVAILABLE',
    message: 'secret',
    retryable: true,
  })
  let logged = (): Data[] => []
  const closes = async (error: Error) => {
    const endpoint = await startEndpoint({ authenticate: () => Promise.reject(error) })
    logged = () => endpoint.log
    const peer = await open(endpoint.url)
    peer.send(INIT)
    return peer.closed
  }

  expect(await closes(unavailable)).toEqual({ code: 1013, reason: 'Try again later' })
  expect(logged()).toEqual([])
  expect(await closes(new Error('secret'))).toEqual({ code: 4500, reason: 'Internal server error' })
  expect(logged()).toMatchObject([{ err: { message: 'secret' } }])
})

test('draining sends pending results before it closes and does not wait for unresponsive clients', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const peer = await initiate(app.url)
  const gone = await dial(app.url)
  gone.send(INIT)
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')
  peer.send(read('Asset-1', '1'))
  await asked

  const stopping = app.stop()
  const refused = await peer.run('{ __typename }')
  gate.resolve(undefined)
  const closed = await peer.closed
  await stopping

  expect(refused).toMatchObject([
    {
      type: 'error',
      payload: [{ extensions: { code: 'SERVICE_UNAVAILABLE', requestId: expect.any(String) } }],
    },
  ])
  expect(peer.messages.slice(-2)).toMatchObject([{ type: 'next' }, { type: 'complete' }])
  expect(closed).toEqual({ code: 1001, reason: 'Going away' })
})

test('draining waits for operations in preparation', async () => {
  const contexts = Promise.withResolvers<void>()
  const endpoint = await startEndpoint({ contexts: contexts.promise })
  const peer = await initiate(endpoint.url)
  await peer.sendAndWait({ type: 'subscribe', id: '1', payload: TYPENAME })

  const draining = endpoint.drain(AbortSignal.timeout(5_000))
  await peer.sendAndWait()
  contexts.resolve()
  await draining

  expect(peer.messages.filter(({ id }) => id)).toEqual([
    { id: '1', type: 'next', payload: { data: { __typename: 'Query' } } },
    { id: '1', type: 'complete' },
  ])
  expect(await peer.closed).toEqual({ code: 1001, reason: 'Going away' })
})

test.for([
  ['during the wait', 50],
  ['before the wait', 0],
] as const)('draining ends when its time limit passes %s', async ([, ms]) => {
  const endpoint = await startEndpoint({ contexts: new Promise(() => {}) })
  const peer = await initiate(endpoint.url)
  await peer.sendAndWait({ type: 'subscribe', id: '1', payload: TYPENAME })

  await endpoint.drain(ms === 0 ? AbortSignal.abort() : AbortSignal.timeout(ms))

  expect((await peer.closed).code).toBe(1001)
  expect(peer.messages.filter(({ id }) => id)).toEqual([])
})

test('draining does not wait for a subscription that is starting', async () => {
  const endpoint = await startEndpoint()
  endpoint.upstream.intercept = () => new Promise(() => {})
  const peer = await initiate(endpoint.url)
  const asked = endpoint.upstream.nextCall('GET /v1/assets/Asset-1')
  peer.send(subscribeTo(['Asset-1'], '1'))
  await asked

  await endpoint.drain(AbortSignal.timeout(15_000))

  expect((await peer.closed).code).toBe(1001)
  expect(endpoint.listeners()).toBe(0)
}, 10_000)

test('a subscriber that leaves during a lookup does not end another subscription to the asset', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const peer = await initiate(app.url)
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')
  for (const id of ['leaves', 'stays']) peer.send(subscribeTo(['Asset-1'], id))
  await asked
  await until(() => app.listeners() === 2)

  peer.send({ type: 'complete', id: 'leaves' })
  await until(() => app.listeners() === 1)
  gate.resolve(undefined)

  expect(await peer.next({ id: 'stays' })).toMatchObject({
    payload: { data: { assetStatusChanged: { current: 'ACTIVE' } } },
  })
  expect(upstream.callsTo('GET /v1/assets/')).toHaveLength(1)
})
