import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { startApp, type TestApp } from './support/app.ts'
import { PROTOCOL } from './support/websocket.ts'

const ORIGIN = 'https://app.example.com'
const SETTINGS = {
  UPSTREAM_URL: 'http://127.0.0.1:1',
  CORS_ORIGINS: `${ORIGIN},https://other.example.com:8443`,
}
const STRANGERS = [
  'https://app.example.com.evil.example',
  'https://app.example.co',
  'https://app.example.com:8443',
  'http://app.example.com',
  'https://sub.app.example.com',
  'https://other.example.com',
  'null',
]

test('a preflight from a listed origin is allowed and can be cached for two hours', async () => {
  const app = await startApp(SETTINGS)

  const response = await preflight(app, ORIGIN)

  expect(response.status).toBe(204)
  expect(corsHeaders(response)).toEqual({
    'access-control-allow-origin': ORIGIN,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-expose-headers': 'x-request-id',
    'access-control-max-age': '7200',
  })
  expect(varyOf(response)).toEqual(['origin', 'access-control-request-headers'])
})

test.for<[string, RequestInit]>([
  ['a result', { body: '{"query":"{ __typename }"}' }],
  ['the error of a malformed body', { body: '{' }],
  ['the error of a wrong media type', { headers: { 'content-type': 'text/plain' } }],
  ['a stream', { body: '{"query":"{ __typename }"}', headers: { accept: 'text/event-stream' } }],
])(
  'a page from a listed origin can read %s and its request id, without credentials',
  async ([, init]) => {
    const app = await startApp(SETTINGS)

    const response = await post(app, ORIGIN, init)
    await response.text()

    expect(corsHeaders(response)).toEqual({
      'access-control-allow-origin': ORIGIN,
      'access-control-expose-headers': 'x-request-id',
    })
    expect(varyOf(response)).toContain('origin')
  },
)

test.for(STRANGERS)('a page from %s can read no response and open no WebSocket', async (origin) => {
  const app = await startApp(SETTINGS)

  const responses = [await preflight(app, origin), await post(app, origin)]

  for (const response of responses) {
    expect(corsHeaders(response)).toEqual({})
    expect(varyOf(response)).toContain('origin')
  }
  expect(await opens(app, origin)).toBe(false)
})

test('a response to a request without Origin also has Vary: Origin', async () => {
  const app = await startApp(SETTINGS)

  const result = await fetch(`${app.url}/graphql?query={__typename}`)
  const page = await fetch(`${app.url}/graphql`, {
    headers: { accept: 'text/html' },
  })

  expect(varyOf(result)).toContain('origin')
  expect(varyOf(page)).toContain('origin')
})

test('without CORS_ORIGINS no response has CORS headers', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  expect(corsHeaders(await preflight(app, ORIGIN))).toEqual({})
  expect(corsHeaders(await post(app, ORIGIN))).toEqual({})
})

test('without CORS_ORIGINS a WebSocket is accepted only from the same host and port', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
  const { port } = new URL(app.url)

  expect(await opens(app, app.url)).toBe(true)
  expect(await opens(app, 'http://127.0.0.1')).toBe(false)
  expect(await opens(app, `http://127.0.0.1:${port}0`)).toBe(false)
  expect(await opens(app, `http://localhost:${port}`)).toBe(false)
  expect(await opens(app, 'null')).toBe(false)
})

function preflight({ url }: TestApp, origin: string): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, content-type',
    },
  })
}

function post(
  { url }: TestApp,
  origin: string,
  { body = '{"query":"{ __typename }"}', headers }: RequestInit = {},
): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin, ...(headers as object) },
    body,
  })
}

function corsHeaders({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
}

function varyOf({ headers }: Response): string[] {
  return (headers.get('vary') ?? '').toLowerCase().split(/, */)
}

function opens({ url }: TestApp, origin: string): Promise<boolean> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, PROTOCOL, { origin })
  return new Promise((resolve) => {
    socket.once('open', () => {
      socket.terminate()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
