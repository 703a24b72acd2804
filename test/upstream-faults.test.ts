import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { UpstreamClient } from '../src/upstream/client.ts'
import { serve } from './support/serve.ts'
import { failureOf, startClient } from './support/upstream-client.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const call = { credential: 'sk-test', requestId: 'request-1' }
const ASSET = JSON.stringify({ code: 200, data: { asset_id: 'Asset-1', status: 'Active' } })

const get = (client: UpstreamClient) => client.getAsset({ platform: 'JIMENG', id: 'Asset-1' }, call)

const post = (client: UpstreamClient) =>
  client.createVideoTask(
    { model: 'seedance-2-0', prompt: 'A slow pan', audio: false, resources: [] },
    call,
  )

/** Sends a body in pieces, with back-pressure, until it is complete or the client disconnects. */
function pour(response: ServerResponse, pieces: number, sent: { bytes: number }): void {
  const piece = Buffer.alloc(65_536, 'x')
  const pump = () => {
    while (pieces-- > 0 && !response.destroyed) {
      sent.bytes += piece.length
      if (!response.write(piece)) return void response.once('drain', pump)
    }
    response.end()
  }
  pump()
}

/** Starts a TCP server that accepts connections and sends nothing. */
async function serveSilence(): Promise<number> {
  const server = createServer()
  onTestFinished(() => void server.close())
  server.on('connection', (socket) => onTestFinished(() => void socket.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}

describe('when 0-0', () => {
  const drip = (response: ServerResponse) => {
    const timer = setInterval(() => response.write(' '), 5)
    response.once('close', () => clearInterval(timer))
  }

  const faults: Record<string, { handler: Handler; read: string; create: string; reads: number }> =
    {
      'resets the connection before its response': {
        handler: (request) => request.socket.resetAndDestroy(),
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'resets the connection after an interim response': {
        handler: (request, response) => {
          response.writeProcessing(() => request.socket.resetAndDestroy())
        },
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'resets the connection during its response': {
        handler: (request, response) => {
          response.writeHead(200, { 'content-length': 100 }).write('{"code"', () => {
            request.socket.resetAndDestroy()
          })
        },
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'resets the connection during a 413 response': {
        handler: (request, response) => {
          response.writeHead(413, { 'content-length': 100 }).write('{"det', () => {
            request.socket.resetAndDestroy()
          })
        },
        read: 'UPSTREAM_REJECTED',
        create: 'UPSTREAM_REJECTED',
        reads: 1,
      },
      'resets the connection before a 401 shows its origin': {
        handler: (request, response) => {
          response.writeHead(401, { 'content-length': 100 }).write('{"det', () => {
            request.socket.resetAndDestroy()
          })
        },
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 1,
      },
      'answers 401 for a bad key': {
        handler: (_request, response) => {
          response.writeHead(401).end('{"detail":"invalid api key"}')
        },
        read: 'UNAUTHENTICATED',
        create: 'UNAUTHENTICATED',
        reads: 1,
      },
      'truncates its response': {
        handler: (_request, response) => void response.end('{"code":200,"data":{"asset_id":"Ass'),
        read: 'UPSTREAM_PROTOCOL',
        create: 'OUTCOME_UNKNOWN',
        reads: 1,
      },
      'answers with a protocol other than HTTP': {
        handler: (request) => void request.socket.end('220 mail.example ESMTP\r\n'),
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'answers 502 with an HTML page': {
        handler: (_request, response) => void response.writeHead(502).end('<h1>Bad Gateway</h1>'),
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'answers 200 with an HTML page': {
        handler: (_request, response) => void response.end('<h1>Welcome</h1>'),
        read: 'UPSTREAM_PROTOCOL',
        create: 'OUTCOME_UNKNOWN',
        reads: 1,
      },
      'answers with JSON nested 500 000 levels deep': {
        handler: (_request, response) => {
          const depth = 500_000
          response.end(`{"code":200,"data":${'['.repeat(depth)}${']'.repeat(depth)}}`)
        },
        read: 'UPSTREAM_PROTOCOL',
        create: 'OUTCOME_UNKNOWN',
        reads: 1,
      },
      'answers with values of wrong types': {
        handler: (_request, response) => {
          response.end('{"code":"200","data":{"asset_id":{},"status":[1]},"id":["x"],"video":7}')
        },
        read: 'UPSTREAM_PROTOCOL',
        create: 'OUTCOME_UNKNOWN',
        reads: 1,
      },
      'answers with headers over the size limit': {
        handler: (_request, response) => {
          response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end(ASSET)
        },
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'answers 503 before it does any work': {
        handler: (_request, response) => {
          response.writeHead(503).end('{"error":{"message":"busy","type":"local_overload"}}')
        },
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'UPSTREAM_UNAVAILABLE',
        reads: 3,
      },
      'answers 429 for too many requests': {
        handler: (_request, response) => {
          response.writeHead(429).end('{"error":"Too many requests"}')
        },
        read: 'RATE_LIMITED',
        create: 'RATE_LIMITED',
        reads: 3,
      },
      'answers 429 without an origin': {
        handler: (_request, response) => void response.writeHead(429).end('{}'),
        read: 'RATE_LIMITED',
        create: 'OUTCOME_UNKNOWN',
        reads: 3,
      },
      'answers that the model is cooling down': {
        handler: (_request, response) => {
          const message = 'All matching provider routes are cooling down'
          response.writeHead(429).end(JSON.stringify({ error: { message } }))
        },
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'UPSTREAM_UNAVAILABLE',
        reads: 1,
      },
      "answers with a provider's 403": {
        handler: (_request, response) =>
          void response.writeHead(403).end('{"code":403,"msg":"no"}'),
        read: 'UPSTREAM_UNAVAILABLE',
        create: 'OUTCOME_UNKNOWN',
        reads: 1,
      },
      'answers 404': {
        handler: (_request, response) => void response.writeHead(404).end('{"detail":"No such"}'),
        read: 'NOT_FOUND',
        create: 'NOT_FOUND',
        reads: 1,
      },
    }

  test.each(Object.entries(faults))('%s, a read fails with its code', async (_fault, row) => {
    const handler = vi.fn(row.handler)
    const client = startClient(await serve(handler))

    const failure = await failureOf(get(client))

    expect(failure.code).toBe(row.read)
    expect(handler).toHaveBeenCalledTimes(row.reads)
  })

  test.each(Object.entries(faults))('%s, a create is sent once', async (_fault, row) => {
    const handler = vi.fn(row.handler)
    const client = startClient(await serve(handler))

    const failure = await failureOf(post(client))

    expect(failure.code).toBe(row.create)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test.each<[string, Handler]>([
    ['never answers', () => {}],
    [
      'never ends its headers',
      ({ socket }) => {
        socket.write('HTTP/1.1 200 OK\r\nx-long: ')
        const timer = setInterval(() => socket.write('x'), 5)
        socket.once('close', () => clearInterval(timer))
      },
    ],
    ['never ends its body', (_request, response) => drip(response)],
  ])('%s, the deadline ends a call', async (_fault, handler) => {
    const client = startClient(await serve(handler), { getTimeoutMs: 100, postTimeoutMs: 100 })
    const startedMs = performance.now()

    const failures = await Promise.all([failureOf(get(client)), failureOf(post(client))])

    expect(performance.now() - startedMs).toBeLessThan(1000)
    expect(failures.map(({ code }) => code)).toEqual(['UPSTREAM_UNAVAILABLE', 'OUTCOME_UNKNOWN'])
  })

  test('answers with 100 MB, memory grows by less than 32 MiB', async () => {
    const url = await serve((_request, response) => pour(response, 1600, { bytes: 0 }))
    const client = startClient(url)
    const beforeBytes = process.memoryUsage.rss()
    let mostBytes = beforeBytes
    const sample = () => {
      mostBytes = Math.max(mostBytes, process.memoryUsage.rss())
    }
    const sampling = setInterval(sample, 1)
    onTestFinished(() => clearInterval(sampling))

    for (const ask of [get, post]) {
      await failureOf(ask(client))
      sample()
    }

    expect(mostBytes - beforeBytes).toBeLessThan(32 * 1024 * 1024)
  })

  test.each([
    ['100 MB', 1600],
    ['an endless stream', Number.POSITIVE_INFINITY],
  ])('answers with %s, less than 50 MB is read', async (_size, pieces) => {
    const sent = { bytes: 0 }
    const client = startClient(await serve((_request, response) => pour(response, pieces, sent)))

    const failures = [await failureOf(get(client)), await failureOf(post(client))]

    expect(failures.map(({ code }) => code)).toEqual(['UPSTREAM_PROTOCOL', 'OUTCOME_UNKNOWN'])
    expect(sent.bytes).toBeLessThan(50_000_000)
  })

  test('refuses connections, a create was not done', async () => {
    const client = startClient(`http://127.0.0.1:${await closedPort()}`)

    const failures = await Promise.all([failureOf(get(client)), failureOf(post(client))])

    expect(failures.map(({ code }) => code)).toEqual([
      'UPSTREAM_UNAVAILABLE',
      'UPSTREAM_UNAVAILABLE',
    ])
  })

  test('has an unknown host name, a create was not done', async () => {
    const client = startClient('http://zerograph.invalid', { postTimeoutMs: 1000 })

    const failure = await failureOf(post(client))

    expect(failure.code).toBe('UPSTREAM_UNAVAILABLE')
  })

  test('does not complete the TLS handshake, a create was not done', async () => {
    const client = startClient(`https://127.0.0.1:${await serveSilence()}`, { postTimeoutMs: 100 })

    const failure = await failureOf(post(client))

    expect(failure.code).toBe('UPSTREAM_UNAVAILABLE')
  })

  test('closes a reused connection while a create is sent, the create may have been done', async () => {
    const sockets = new Set()
    let answered = 0
    const handler = vi.fn<Handler>((request, response) => {
      sockets.add(request.socket)
      if (answered++ === 0) response.end('{"id":"cgt-1"}')
      else request.socket.destroy()
    })
    const client = startClient(await serve(handler), { maxCreates: 1 })
    await post(client)

    const failure = await failureOf(post(client))

    expect(failure.code).toBe('OUTCOME_UNKNOWN')
    expect(handler).toHaveBeenCalledTimes(2)
    expect(sockets.size).toBe(1)
  })

  test.each([
    [301, 'OUTCOME_UNKNOWN'],
    [302, 'OUTCOME_UNKNOWN'],
    [303, 'OUTCOME_UNKNOWN'],
    [307, 'UPSTREAM_PROTOCOL'],
    [308, 'UPSTREAM_PROTOCOL'],
  ])('redirects with %i, the client does not follow', async (status, created) => {
    const elsewhere = vi.fn()
    const location = await serve(elsewhere)
    const url = await serve((_request, response) => response.writeHead(status, { location }).end())
    const client = startClient(url)

    const failures = await Promise.all([failureOf(get(client)), failureOf(post(client))])

    expect(failures.map(({ code }) => code)).toEqual(['UPSTREAM_PROTOCOL', created])
    expect(elsewhere).not.toHaveBeenCalled()
  })
})

test('a create that gets no connection in time was not done, and the connection stays usable', async () => {
  const held: ServerResponse[] = []
  const sockets = new Set()
  const url = await serve((request, response) => {
    sockets.add(request.socket)
    held.push(response)
  })
  const client = startClient(url, { maxCreates: 1, postTimeoutMs: 1000 })
  const first = post(client)

  const failure = await failureOf(post(client))
  const last = post(client)
  for (let answered = 0; answered < 2; answered++) {
    await vi.waitUntil(() => held.length === 1, { interval: 5 })
    held.shift()?.end('{"id":"cgt-1"}')
  }
  await Promise.all([first, last])

  expect(failure.code).toBe('UPSTREAM_UNAVAILABLE')
  expect(sockets.size).toBe(1)
})

describe('a read is retried', () => {
  test('until it succeeds', async () => {
    const statuses = [503, 429, 200]
    const handler = vi.fn<Handler>((_request, response) => {
      response.writeHead(statuses.shift() ?? 500).end(ASSET)
    })

    const asset = await get(startClient(await serve(handler)))

    expect(asset.status).toBe('ACTIVE')
    expect(handler).toHaveBeenCalledTimes(3)
  })

  test('not before Retry-After has passed', async () => {
    const arrivalsMs: number[] = []
    const url = await serve((_request, response) => {
      arrivalsMs.push(performance.now())
      response.writeHead(arrivalsMs.length === 1 ? 429 : 200, { 'retry-after': '1' }).end(ASSET)
    })

    await get(startClient(url))

    const [first = 0, second = 0] = arrivalsMs
    expect(second - first).toBeGreaterThanOrEqual(990)
  })

  test.each([
    [429, 'RATE_LIMITED'],
    [503, 'UPSTREAM_UNAVAILABLE'],
  ])('not at all when the Retry-After of a %i ends after the deadline', async (status, code) => {
    const pauses = ['60', new Date(Date.now() + 60_000).toUTCString()]
    const handler = vi.fn<Handler>((_request, response) => {
      response.writeHead(status, { 'retry-after': pauses.shift() }).end()
    })
    const client = startClient(await serve(handler))
    const startedMs = performance.now()

    const [seconds, date] = [await failureOf(get(client)), await failureOf(get(client))]

    expect([seconds.code, date.code]).toEqual([code, code])
    expect(seconds.retryAfterMs).toBe(60_000)
    // An HTTP date has a resolution of one second.
    expect(date.retryAfterMs).toBeGreaterThan(57_000)
    expect(date.retryAfterMs).toBeLessThanOrEqual(60_000)
    expect(handler).toHaveBeenCalledTimes(2)
    expect(performance.now() - startedMs).toBeLessThan(1000)
  })

  test('not at all when the backoff ends after the deadline', async () => {
    const handler = vi.fn<Handler>((_request, response) => void response.writeHead(429).end())
    const client = startClient(await serve(handler), { retryBaseDelayMs: 1e12 })

    const failure = await failureOf(get(client))

    expect(failure.code).toBe('RATE_LIMITED')
    expect(failure.retryAfterMs).toBeNull()
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test('only within its deadline', async () => {
    let attempts = 0
    const url = await serve((_request, response) => {
      if (++attempts === 1) response.writeHead(503).end()
    })
    const client = startClient(url, { getTimeoutMs: 200 })
    const startedMs = performance.now()

    const failure = await failureOf(get(client))

    expect(failure.code).toBe('UPSTREAM_UNAVAILABLE')
    expect(attempts).toBe(2)
    expect(performance.now() - startedMs).toBeLessThan(1000)
  })
})
