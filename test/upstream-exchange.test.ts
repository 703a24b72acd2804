import { getEventListeners } from 'node:events'
import { buildConnector, Pool } from 'undici'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ExchangeError, exchange, isSuccess, MAX_BODY_BYTES } from '../src/upstream/exchange.ts'
import { serve } from './support/serve.ts'

const request = { method: 'GET', path: '/', headers: {}, body: null } as const
const nothing = () => {}

function openPool(url: string, options: Pool.Options = {}): Pool {
  const pool = new Pool(url, { connections: 1, ...options })
  onTestFinished(() => pool.destroy())
  return pool
}

test('a request that is aborted before it has a connection is never sent', async () => {
  const paths: (string | undefined)[] = []
  const url = await serve((request, response) => {
    paths.push(request.url)
    response.end('{}')
  })
  const gate = Promise.withResolvers<void>()
  const connect = buildConnector({})
  const pool = openPool(url, {
    connect: (options, callback) => void gate.promise.then(() => connect(options, callback)),
  })
  const caller = new AbortController()
  const onSent = vi.fn()

  const late = exchange(pool, { ...request, path: '/late' }, caller.signal, onSent)
  caller.abort('late')
  await expect(late).rejects.toMatchObject({ stage: 'CONNECTING', cause: 'late' })
  gate.resolve()
  const next = exchange(pool, { ...request, path: '/next' }, new AbortController().signal, nothing)

  await expect(next).resolves.toMatchObject({ status: 200, body: '{}' })
  expect(paths).toEqual(['/next'])
  expect(onSent).not.toHaveBeenCalled()
})

test('a request that is aborted before it begins is not sent', async () => {
  const handler = vi.fn()
  const pool = openPool(await serve(handler))
  const onSent = vi.fn()

  const result = exchange(pool, request, AbortSignal.abort('late'), onSent)

  await expect(result).rejects.toMatchObject({ stage: 'CONNECTING', cause: 'late' })
  expect(onSent).not.toHaveBeenCalled()
  expect(handler).not.toHaveBeenCalled()
})

test('a refused connection fails in the stage CONNECTING', async () => {
  const pool = openPool('http://127.0.0.1:1')

  const result = exchange(pool, request, new AbortController().signal, nothing)

  await expect(result).rejects.toMatchObject({ stage: 'CONNECTING' })
})

test.each([
  [0, MAX_BODY_BYTES, 1],
  [1, MAX_BODY_BYTES, 2],
])('of a response %i bytes over the limit, %i bytes are read', async (more, read, connections) => {
  const sockets = new Set()
  const url = await serve((request, response) => {
    sockets.add(request.socket)
    response.end('x'.repeat(MAX_BODY_BYTES + more))
  })
  const pool = openPool(url)
  const { signal } = new AbortController()

  const answers = [
    await exchange(pool, request, signal, nothing),
    await exchange(pool, request, signal, nothing),
  ]

  expect(answers.map(({ body }) => body.length)).toEqual([read, read])
  // A connection whose response was not read completely cannot be reused.
  expect(sockets.size).toBe(connections)
})

test('the abort listener is removed when the exchange succeeds or fails', async () => {
  const url = await serve((request, response) => {
    if (request.url === '/reset') request.socket.resetAndDestroy()
    else response.end('{}')
  })
  const pool = openPool(url)
  const { signal } = new AbortController()

  await exchange(pool, request, signal, nothing)
  const broken = exchange(pool, { ...request, path: '/reset' }, signal, nothing)
  await expect(broken).rejects.toMatchObject({ stage: 'SENT' })

  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test.each([
  ['QUEUED', 'the request waited for a free connection and was never sent'],
  ['CONNECTING', 'no connection came about and the request was never sent'],
  ['SENT', 'the exchange broke off'],
] as const)('the message of an ExchangeError describes the stage %s', (stage, message) => {
  const cause = new Error('reset')

  expect(new ExchangeError(stage, cause)).toMatchObject({
    name: 'ExchangeError',
    stage,
    message,
    cause,
  })
})

test.each([
  [199, false],
  [200, true],
  [299, true],
  [300, false],
])('%i is a success: %s', (status, expected) => {
  expect(isSuccess(status)).toBe(expected)
})
