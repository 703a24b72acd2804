import { getEventListeners, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { UpstreamCall, UpstreamCallReport } from '../src/upstream/call.ts'
import type { UpstreamClient } from '../src/upstream/client.ts'
import { createRequestQueue } from '../src/upstream/request-queue.ts'
import { serve } from './support/serve.ts'
import { failureOf, startClient } from './support/upstream-client.ts'

const call = { credential: 'sk-test', requestId: 'request-1' }
const ASSET = JSON.stringify({ code: 200, data: { asset_id: 'Asset-1', status: 'Active' } })

const read = (client: UpstreamClient, more: Partial<UpstreamCall> = {}) =>
  client.getAsset({ platform: 'JIMENG', id: 'Asset-1' }, { ...call, ...more })

const create = (client: UpstreamClient, more: Partial<UpstreamCall> = {}) =>
  client.createAsset(
    { platform: 'JIMENG', groupId: 'group-1', url: 'https://example.com/a.png', type: 'IMAGE' },
    { ...call, ...more },
  )

const forever = () => new AbortController().signal

/** For each promise, whether it is settled now. */
async function settled(promises: Promise<unknown>[]): Promise<boolean[]> {
  const states = promises.map(() => false)
  promises.forEach((promise, index) => {
    const settle = () => {
      states[index] = true
    }
    promise.then(settle, settle)
  })
  await new Promise((resolve) => setImmediate(resolve))
  return [...states]
}

describe('a request queue', () => {
  test('starts requests up to its limit and the others in order', async () => {
    const queue = createRequestQueue(2)
    const entered: number[] = []
    const entering = [0, 1, 2, 3].map((number) =>
      queue.enter(forever(), 60_000).then(() => void entered.push(number)),
    )

    await settled(entering)
    expect(entered).toEqual([0, 1])
    queue.leave()
    await settled(entering)
    expect(entered).toEqual([0, 1, 2])
    queue.leave()
    await Promise.all(entering)

    expect(entered).toEqual([0, 1, 2, 3])
  })

  test('has a free slot when a request leaves', async () => {
    const queue = createRequestQueue(1)

    for (let round = 0; round < 3; round++) {
      await queue.enter(forever(), 60_000)
      queue.leave()
    }

    await expect(queue.enter(forever(), 60_000)).resolves.toBeUndefined()
    expect(await settled([queue.enter(forever(), 60_000)])).toEqual([false])
  })

  test('skips a waiting request that is aborted', async () => {
    const queue = createRequestQueue(1)
    const leaving = new AbortController()
    await queue.enter(forever(), 60_000)
    const second = queue.enter(leaving.signal, 60_000)
    const third = queue.enter(forever(), 60_000)

    leaving.abort('gone')
    await expect(second).rejects.toBe('gone')
    expect(await settled([third])).toEqual([false])
    queue.leave()

    await expect(third).resolves.toBeUndefined()
  })

  test('rejects a request after its maximum wait and removes its abort listener', async () => {
    const queue = createRequestQueue(1)
    const signal = forever()
    await queue.enter(signal, 60_000)
    const timingOut = queue.enter(signal, 20)
    const waiting = queue.enter(signal, 60_000)

    await expect(timingOut).rejects.toThrow('no free connection within 20 ms')
    queue.leave()
    await waiting

    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('rejects a request whose signal is aborted and uses no slot for it', async () => {
    const queue = createRequestQueue(1)

    await expect(queue.enter(AbortSignal.abort('gone'), 60_000)).rejects.toBe('gone')

    await expect(queue.enter(forever(), 60_000)).resolves.toBeUndefined()
  })

  test('closes after running and waiting requests leave, and rejects new ones', async () => {
    const queue = createRequestQueue(1)
    await queue.enter(forever(), 60_000)
    const second = queue.enter(forever(), 60_000)

    const closed = queue.close()
    await expect(queue.enter(forever(), 60_000)).rejects.toThrow('closed')
    queue.leave()
    await second
    expect(await settled([closed])).toEqual([false])
    queue.leave()

    await closed
  })

  test('that is empty closes at once', async () => {
    await createRequestQueue(1).close()
  })
})

describe('slow creates', () => {
  test('do not delay a read', async () => {
    const held: ServerResponse[] = []
    const url = await serve((request, response) => {
      if (request.method === 'POST') held.push(response)
      else response.end(ASSET)
    })
    const client = startClient(url, { maxConcurrency: 8, maxCreates: 8 })
    const creates = Array.from({ length: 8 }, () => create(client))
    await vi.waitUntil(() => held.length === 8, { interval: 5 })

    const asset = await read(client)

    expect(asset.status).toBe('ACTIVE')
    for (const response of held) response.end(ASSET)
    await Promise.all(creates)
  })

  test('run up to maxCreates at once, and the others wait and are then sent', async () => {
    const held: ServerResponse[] = []
    const url = await serve((_request, response) => void held.push(response))
    const client = startClient(url, { maxConcurrency: 8, maxCreates: 2 })
    const creates = Array.from({ length: 3 }, () => create(client))
    await vi.waitUntil(() => held.length === 2, { interval: 5 })

    const third = await settled(creates)
    held.splice(0).forEach((response) => void response.end(ASSET))
    await vi.waitUntil(() => held.length === 1, { interval: 5 })
    held.splice(0).forEach((response) => void response.end(ASSET))

    expect(third).toEqual([false, false, false])
    await expect(Promise.all(creates)).resolves.toHaveLength(3)
  })
})

describe('while no connection is free', () => {
  const reading = { method: 'GET', run: read } as const
  const creating = { method: 'POST', run: create } as const

  /** A 0-0 that never answers, and a client with one connection of each kind and timeouts of one second. */
  async function startBusy() {
    const handler = vi.fn()
    const reports: UpstreamCallReport[] = []
    const client = startClient(await serve(handler), {
      maxConcurrency: 1,
      maxCreates: 1,
      getTimeoutMs: 1000,
      postTimeoutMs: 1000,
      breaker: { minCalls: 2 },
      onCall: (report) => reports.push(report),
    })
    return { client, handler, reports }
  }

  test.each([reading, creating])(
    'a $method waits for half of its timeout and is then not sent',
    async ({ run, method }) => {
      const { client, handler, reports } = await startBusy()
      const onSent = vi.fn()

      const first = failureOf(run(client))
      const startedMs = performance.now()
      const others = await Promise.all([1, 2, 3, 4].map(() => failureOf(run(client, { onSent }))))

      expect(performance.now() - startedMs).toBeLessThan(900)
      for (const other of others) {
        expect(other).toMatchObject({
          code: 'UPSTREAM_UNAVAILABLE',
          message: '0-0 cannot be reached or cannot answer now: no connection to it was free',
          mayBeDone: false,
        })
      }
      await first
      expect(onSent).not.toHaveBeenCalled()
      expect(handler).toHaveBeenCalledTimes(1)
      const outcome = reports.map(({ errorCode, attempt }) => [errorCode, attempt])
      expect(outcome).toEqual([
        ...Array(4).fill(['QUEUE_TIMEOUT', 1]),
        [method === 'GET' ? 'UPSTREAM_UNAVAILABLE' : 'OUTCOME_UNKNOWN', 1],
      ])
    },
  )

  test.each([reading, creating])(
    'a waiting $method does not count as a failure of the breaker',
    async ({ run }) => {
      const { client } = await startBusy()

      await Promise.all(Array.from({ length: 20 }, () => failureOf(run(client))))

      // Two failures would open it. The only failure is the call that 0-0 did not answer.
      expect(client.breakers()).toContainEqual({ group: '/v1/assets', state: 'CLOSED' })
    },
  )

  test('a connection that 0-0 does not accept counts as a failure of the breaker', async () => {
    const server = createServer()
    onTestFinished(() => void server.close())
    server.on('connection', (socket) => onTestFinished(() => void socket.destroy()))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    // The server accepts TCP but never answers the TLS handshake.
    const client = startClient(`https://127.0.0.1:${port}`, {
      postTimeoutMs: 50,
      breaker: { minCalls: 2 },
    })

    const failures = await Promise.all([failureOf(create(client)), failureOf(create(client))])

    expect(failures.map(({ code }) => code)).toEqual([
      'UPSTREAM_UNAVAILABLE',
      'UPSTREAM_UNAVAILABLE',
    ])
    expect(client.breakers()).toContainEqual({ group: '/v1/assets', state: 'OPEN' })
  })

  test('closing still sends the waiting requests', async () => {
    const held: ServerResponse[] = []
    const url = await serve((_request, response) => void held.push(response))
    const client = startClient(url, { maxCreates: 1 })
    const creates = [create(client), create(client)]
    await vi.waitUntil(() => held.length === 1, { interval: 5 })

    const closed = client.close()
    held.shift()?.end(ASSET)
    await vi.waitUntil(() => held.length === 1, { interval: 5 })
    held.shift()?.end(ASSET)

    await expect(Promise.all(creates)).resolves.toHaveLength(2)
    await closed
    expect(await failureOf(create(client))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  })
})
