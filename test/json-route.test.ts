import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { createJsonRoute } from '../src/http/json-route.ts'
import { serve } from './support/serve.ts'

type Handler = Parameters<typeof createJsonRoute>[0]

/** Serves the route. Requests that it leaves to Yoga are answered with what it passes on. */
async function startRoute(handler: Partial<Handler>): Promise<string> {
  const route = createJsonRoute(
    { identify: async () => null, executeDirectly: () => ({ data: { a: 1 } }), ...handler },
    100,
  )
  return serve(async (request: IncomingMessage & { body?: string }, response) => {
    const received = await route(request, response, 'one')
    if (received) response.end(JSON.stringify({ received, body: request.body }))
  })
}

function post(url: string, body: string, headers = {}): Promise<Response> {
  const type = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers: { ...type, ...headers }, body })
}

const QUERY = JSON.stringify({ query: '{ a }' })

test('a cached query gets its result', async () => {
  const response = await post(await startRoute({}), QUERY)

  expect([response.status, await response.json()]).toEqual([200, { data: { a: 1 } }])
})

test('a query that is not cached is left to Yoga, with its body and identity', async () => {
  const url = await startRoute({ executeDirectly: () => null })

  expect(await (await post(url, QUERY)).json()).toEqual({
    received: { requestId: 'one', identity: null },
    body: QUERY,
  })
})

test.for([
  ['no JSON', '{', {}],
  ['an array', '[]', {}],
  ['a body that is too long', JSON.stringify({ query: 'x'.repeat(100) }), {}],
  ['another type', QUERY, { 'content-type': 'text/plain' }],
  ['a request for the cost', QUERY, { 'x-zerograph-cost': '1' }],
  ['an event stream', QUERY, { accept: 'text/event-stream' }],
] as const)('%s is left to Yoga', async ([, body, headers]) => {
  const response = await post(await startRoute({}), body, headers)

  expect(await response.json()).toMatchObject({ received: { requestId: 'one' } })
})

test('an error of authentication is left to Yoga', async () => {
  const url = await startRoute({ identify: () => Promise.reject(new Error('broken')) })

  expect(await (await post(url, QUERY)).json()).toMatchObject({ received: { requestId: 'one' } })
})

test('a result without data is an internal error', async () => {
  const url = await startRoute({ executeDirectly: async () => ({ errors: [] }) })

  expect((await post(url, QUERY)).status).toBe(500)
})

test('a request whose body does not arrive completely gets no response', async () => {
  const url = await startRoute({})
  const { connect } = await import('node:net')
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const received: string[] = []
  socket.on('data', (chunk) => received.push(String(chunk)))
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n')
  socket.write('content-length: 50\r\n\r\n{"query"')
  socket.destroySoon()
  await new Promise((resolve) => socket.once('close', resolve))

  // The route still serves others.
  expect((await post(url, QUERY)).status).toBe(200)
  expect(received).toEqual([])
})
