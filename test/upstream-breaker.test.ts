import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Breaker, createBreaker } from '../src/upstream/breaker.ts'
import type { UpstreamCall, UpstreamCallReport, UpstreamOptions } from '../src/upstream/call.ts'
import type { UpstreamClient } from '../src/upstream/client.ts'
import { serve } from './support/serve.ts'
import { failureOf, startClient } from './support/upstream-client.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const call = { credential: 'sk-test', requestId: 'request-1' }
const ASSET = JSON.stringify({ code: 200, data: { asset_id: 'Asset-1', status: 'Active' } })
const ASSETS_OPEN = { group: '/v1/assets', state: 'OPEN' }
const ASSETS_CLOSED = { group: '/v1/assets', state: 'CLOSED' }

const respond = (status: number) => (_request: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(status).end(ASSET)

const read = (client: UpstreamClient, more: Partial<UpstreamCall> = {}) =>
  client.getAsset({ platform: 'JIMENG', id: 'Asset-1' }, { ...call, ...more })

const create = (client: UpstreamClient, more: Partial<UpstreamCall> = {}) =>
  client.createAsset(
    { platform: 'JIMENG', groupId: 'group-1', url: 'https://example.com/a.png', type: 'IMAGE' },
    { ...call, ...more },
  )

/** A client whose breaker of `/v1/assets` is open, and a function that replaces the handler of its 0-0. */
async function startOutage(options: Partial<UpstreamOptions> = {}) {
  const upstream = { handle: vi.fn<Handler>(respond(500)) }
  const url = await serve((request, response) => upstream.handle(request, response))
  const client = startClient(url, { breaker: { minCalls: 4, openMs: 200 }, ...options })
  for (let calls = 0; calls < 4; calls++) await failureOf(create(client))
  const becomes = (handler: Handler) => {
    upstream.handle = vi.fn<Handler>(handler)
    return upstream.handle
  }
  return { client, becomes }
}

/** Waits until the next call becomes the probe. */
async function untilProbe(client: UpstreamClient): Promise<void> {
  const { retryAfterMs } = await failureOf(read(client))
  await sleep((retryAfterMs ?? 0) + 5)
}

describe('the breaker of a route group opens after ten calls fail', () => {
  const fast = { getTimeoutMs: 50, postTimeoutMs: 50 }

  test.each<[string, Handler, Partial<UpstreamOptions>]>([
    ['with 500', respond(500), {}],
    ['with 503', respond(503), {}],
    ['with 408', respond(408), {}],
    ['with 499', respond(499), {}],
    ['with a connection reset', (request) => void request.socket.resetAndDestroy(), {}],
    ['with a timeout', () => {}, fast],
    ['with a body that does not end', (_request, response) => void response.write(' '), fast],
  ])('%s', async (_how, handler, options) => {
    const client = startClient(await serve(handler), options)

    await Promise.all(Array.from({ length: 10 }, () => failureOf(create(client))))

    expect(client.breakers()).toContainEqual(ASSETS_OPEN)
  })
})

describe('the breaker stays closed when any number of calls', () => {
  test.each<[string, Handler]>([
    ...[400, 401, 402, 403, 404, 409, 422, 429].map((status): [string, Handler] => [
      `are answered with ${status}`,
      respond(status),
    ]),
    ['are redirected', respond(302)],
    ['are answered with an HTML page', (_request, response) => void response.end('<h1>Hello</h1>')],
    ['succeed', respond(200)],
  ])('%s', async (_how, handler) => {
    const client = startClient(await serve(handler))

    await Promise.allSettled(Array.from({ length: 30 }, () => create(client)))

    expect(client.breakers()).toContainEqual(ASSETS_CLOSED)
  })

  test('are aborted by their callers', async () => {
    const handler = vi.fn<Handler>()
    const client = startClient(await serve(handler))
    const caller = new AbortController()
    const reads = Array.from({ length: 20 }, () => read(client, { signal: caller.signal }))
    await vi.waitUntil(() => handler.mock.calls.length === 20, { interval: 5 })

    caller.abort('gone')
    await Promise.allSettled(reads)

    expect(client.breakers()).toContainEqual(ASSETS_CLOSED)
  })
})

describe('while the breaker is open', () => {
  test('calls fail at once and nothing is sent', async () => {
    const { client, becomes } = await startOutage({ breaker: { minCalls: 4 } })
    const handler = becomes(respond(200))
    const onSent = vi.fn()
    const startedMs = performance.now()

    const failures = [
      await failureOf(read(client)),
      await failureOf(create(client, { onSent })),
      await failureOf(read(client)),
    ]

    expect(performance.now() - startedMs).toBeLessThan(100)
    for (const { code, retryAfterMs } of failures) {
      expect(code).toBe('UPSTREAM_UNAVAILABLE')
      expect(retryAfterMs).toBeGreaterThan(4000)
      expect(retryAfterMs).toBeLessThanOrEqual(5000)
    }
    expect(handler).not.toHaveBeenCalled()
    expect(onSent).not.toHaveBeenCalled()
  })

  test('each such failure is reported', async () => {
    const reports: UpstreamCallReport[] = []
    const { client } = await startOutage({
      breaker: { minCalls: 4 },
      onCall: (report) => reports.push(report),
    })
    reports.length = 0

    await failureOf(read(client))

    expect(reports).toEqual([
      {
        method: 'GET',
        route: '/v1/assets',
        status: null,
        durationMs: expect.any(Number),
        requestId: 'request-1',
        attempt: 1,
        errorCode: 'BREAKER_OPEN',
      },
    ])
  })

  test('other route groups are not affected', async () => {
    const { client, becomes } = await startOutage()
    becomes((_request, response) => void response.end('{"id":"cgt-1"}'))

    const task = await client.getVideoTask({ taskId: 'cgt-1', model: null }, call)

    expect(task.taskId).toBe('cgt-1')
    expect(client.breakers()).toEqual([
      { group: '/v1/asset-groups', state: 'CLOSED' },
      ASSETS_OPEN,
      { group: '/v1/video/tasks', state: 'CLOSED' },
      { group: '/v1/models', state: 'CLOSED' },
    ])
  })
})

describe('after the breaker was open for its time', () => {
  test('one call is sent as the probe and the others fail at once', async () => {
    const { client, becomes } = await startOutage()
    await untilProbe(client)
    const held = Promise.withResolvers<ServerResponse>()
    const handler = becomes((_request, response) => held.resolve(response))

    const [probe, ...others] = Array.from({ length: 10 }, () => read(client))
    const failures = await Promise.all(others.map(failureOf))
    const response = await held.promise

    expect(failures.map(({ code }) => code)).toEqual(Array(9).fill('UPSTREAM_UNAVAILABLE'))
    expect(handler).toHaveBeenCalledTimes(1)
    expect(client.breakers()).toContainEqual({ group: '/v1/assets', state: 'HALF_OPEN' })

    response.end(ASSET)
    await probe
    becomes(respond(200))
    await Promise.all([read(client), create(client)])

    expect(client.breakers()).toContainEqual(ASSETS_CLOSED)
  })

  test('a failed probe is not retried and keeps the breaker open for longer', async () => {
    const { client, becomes } = await startOutage()
    await untilProbe(client)
    const handler = becomes(respond(500))

    await failureOf(read(client))
    const { retryAfterMs } = await failureOf(read(client))

    expect(handler).toHaveBeenCalledTimes(1)
    expect(retryAfterMs).toBeGreaterThan(200)
    expect(client.breakers()).toContainEqual(ASSETS_OPEN)
  })

  test('a probe that its caller aborts has no outcome, and the next call is the probe', async () => {
    const { client, becomes } = await startOutage()
    await untilProbe(client)
    const caller = new AbortController()
    becomes(() => caller.abort('gone'))

    const left = read(client, { signal: caller.signal })

    await expect(left).rejects.toBe('gone')
    expect(client.breakers()).toContainEqual(ASSETS_OPEN)
    becomes(respond(200))
    await expect(read(client)).resolves.toMatchObject({ status: 'ACTIVE' })
  })

  test.each([401, 402, 403])('a probe answered with %i has no outcome', async (status) => {
    const { client, becomes } = await startOutage()
    await untilProbe(client)
    becomes(respond(status))

    await failureOf(read(client))

    expect(client.breakers()).toContainEqual(ASSETS_OPEN)
    becomes(respond(200))
    await expect(read(client)).resolves.toMatchObject({ status: 'ACTIVE' })
  })

  test.each([404, 422, 429])('a probe answered with %i closes the breaker', async (status) => {
    const { client, becomes } = await startOutage()
    await untilProbe(client)
    becomes(respond(status))

    await failureOf(create(client))

    expect(client.breakers()).toContainEqual(ASSETS_CLOSED)
  })
})

describe('a breaker', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  function enter(breaker: Breaker) {
    const leave = breaker.enter()
    if (leave === null) throw new Error('the breaker is open')
    return leave
  }

  function give(breaker: Breaker, outcome: 'SUCCESS' | 'FAILURE' | 'IGNORED', times: number): void {
    for (let calls = 0; calls < times; calls++) enter(breaker)(outcome)
  }

  test.each([
    { answered: 0, failed: 9, state: 'CLOSED' },
    { answered: 0, failed: 10, state: 'OPEN' },
    { answered: 50, failed: 49, state: 'CLOSED' },
    { answered: 50, failed: 50, state: 'OPEN' },
  ])('is $state after $answered answers and $failed failures', ({ answered, failed, state }) => {
    const breaker = createBreaker()

    give(breaker, 'SUCCESS', answered)
    give(breaker, 'FAILURE', failed)

    expect(breaker.state).toBe(state)
  })

  test('ignores calls without an outcome', () => {
    const breaker = createBreaker()

    give(breaker, 'FAILURE', 9)
    give(breaker, 'IGNORED', 50)
    expect(breaker.state).toBe('CLOSED')
    give(breaker, 'FAILURE', 1)

    expect(breaker.state).toBe('OPEN')
  })

  test('forgets old failures gradually', () => {
    const breaker = createBreaker()

    give(breaker, 'FAILURE', 5)
    vi.advanceTimersByTime(1_500)
    give(breaker, 'FAILURE', 4)
    vi.advanceTimersByTime(8_500)
    give(breaker, 'FAILURE', 5)
    expect(breaker.state).toBe('CLOSED')
    give(breaker, 'FAILURE', 1)

    expect(breaker.state).toBe('OPEN')
  })

  test('has no retry delay while it is closed or a probe is running', () => {
    const breaker = createBreaker()
    expect(breaker.retryAfterMs()).toBe(0)

    give(breaker, 'FAILURE', 10)
    expect(breaker.retryAfterMs()).toBe(5_000)
    vi.advanceTimersByTime(6_000)
    expect(breaker.retryAfterMs()).toBe(0)
    enter(breaker)

    expect(breaker.retryAfterMs()).toBe(0)
  })

  test('ignores a probe that ends after a later probe has closed it', () => {
    const breaker = createBreaker()
    give(breaker, 'FAILURE', 10)
    vi.advanceTimersByTime(5_000)
    const leaveLate = enter(breaker)
    vi.advanceTimersByTime(30_000)
    enter(breaker)('SUCCESS')

    leaveLate('FAILURE')

    expect(breaker.state).toBe('CLOSED')
  })

  test('forgets failures that are ten seconds old', () => {
    const breaker = createBreaker()

    give(breaker, 'FAILURE', 9)
    vi.advanceTimersByTime(10_000)
    give(breaker, 'FAILURE', 9)

    expect(breaker.state).toBe('CLOSED')
  })

  test('counts failures that are less than nine seconds old', () => {
    const breaker = createBreaker()

    for (let second = 0; second < 10; second++) {
      give(breaker, 'FAILURE', 1)
      vi.advanceTimersByTime(900)
    }

    expect(breaker.state).toBe('OPEN')
  })

  test('doubles its open time after each failed probe up to 30 s, and resets it after a success', () => {
    const breaker = createBreaker()
    const pausesMs: number[] = []
    const waitForProbe = () => {
      pausesMs.push(breaker.retryAfterMs())
      vi.advanceTimersByTime(breaker.retryAfterMs() - 1)
      expect(breaker.enter()).toBeNull()
      vi.advanceTimersByTime(1)
      return enter(breaker)
    }

    give(breaker, 'FAILURE', 10)
    for (let probes = 0; probes < 4; probes++) waitForProbe()('FAILURE')
    waitForProbe()('SUCCESS')
    give(breaker, 'FAILURE', 10)
    waitForProbe()

    expect(pausesMs).toEqual([5_000, 10_000, 20_000, 30_000, 30_000, 5_000])
  })

  test('ignores calls that began before it opened', () => {
    const breaker = createBreaker()
    const late = Array.from({ length: 30 }, () => enter(breaker))
    give(breaker, 'FAILURE', 10)

    late.splice(0, 10).forEach((leave) => void leave('SUCCESS'))
    expect(breaker.state).toBe('OPEN')
    vi.advanceTimersByTime(5_000)
    const leaveProbe = enter(breaker)
    late.splice(0, 10).forEach((leave) => void leave('FAILURE'))
    expect(breaker.state).toBe('HALF_OPEN')
    leaveProbe('SUCCESS')
    late.forEach((leave) => void leave('FAILURE'))

    expect(breaker.state).toBe('CLOSED')
  })

  test('starts another probe when a probe has no outcome for 30 s', () => {
    const breaker = createBreaker()
    give(breaker, 'FAILURE', 10)
    vi.advanceTimersByTime(5_000)
    enter(breaker)

    vi.advanceTimersByTime(29_999)
    expect(breaker.enter()).toBeNull()
    vi.advanceTimersByTime(1)
    enter(breaker)('SUCCESS')

    expect(breaker.state).toBe('CLOSED')
  })
})
