import { getEventListeners, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'
import type { CreateVideoTaskRequest } from '../src/model/requests.ts'
import type { UpstreamCallReport } from '../src/upstream/call.ts'
import type { UpstreamClient } from '../src/upstream/client.ts'
import { serve } from './support/serve.ts'
import { failureOf, startClient } from './support/upstream-client.ts'

const call = { credential: 'sk-test', requestId: 'request-1' }
const assetRef = { platform: 'JIMENG', id: 'Asset-1' } as const
const taskRequest: CreateVideoTaskRequest = {
  model: 'seedance-2-0',
  prompt: 'A slow pan',
  audio: false,
  resources: [],
}

function answer(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const assetBody = (id: string) => ({
  code: 200,
  msg: 'OK',
  data: { asset_id: id, status: 'Active' },
})

test.for<[string, (client: UpstreamClient) => Promise<unknown>, string]>([
  ['group', (client) => client.getAssetGroup(assetRef, call), 'the group Asset-1'],
  ['asset', (client) => client.getAsset(assetRef, call), 'the asset Asset-1'],
  [
    'video task',
    (client) => client.getVideoTask({ taskId: 'cgt-1', model: 'seedance-2-0' }, call),
    'the video task cgt-1',
  ],
  [
    'group of a new asset',
    (client) =>
      client.createAsset(
        { platform: 'JIMENG', groupId: 'group-1', url: 'https://example.com/a', type: 'IMAGE' },
        call,
      ),
    'the group group-1',
  ],
  [
    'asset of a new video task',
    (client) => client.createVideoTask(taskRequest, call),
    'the model or an asset of this video task',
  ],
])('the message of NOT_FOUND names the unknown %s', async ([, send, entity]) => {
  const url = await serve((_request, response) =>
    answer(response, { code: 404, msg: 'NotFound.id' }, 404),
  )

  const failure = await failureOf(send(startClient(url)))

  expect(failure).toMatchObject({
    code: 'NOT_FOUND',
    message: `0-0 does not know ${entity}.`,
  })
})

describe('each method sends the documented request', () => {
  test.each<[string, (client: UpstreamClient) => Promise<unknown>, string, object | null]>([
    [
      'getAssetGroup',
      (client) => client.getAssetGroup({ platform: 'BYTEPLUS', id: 'group-1' }, call),
      'GET /v1/asset-groups/group-1?platform=BYTEPLUS&model=seedance-2-0',
      null,
    ],
    [
      'createAssetGroup',
      (client) => client.createAssetGroup({ platform: 'JIMENG', name: 'Cast' }, call),
      'POST /v1/asset-groups?model=seedance-2-0',
      { platform: 'JIMENG', name: 'Cast' },
    ],
    [
      'getAsset',
      (client) => client.getAsset(assetRef, call),
      'GET /v1/assets/Asset-1?platform=JIMENG&model=seedance-2-0',
      null,
    ],
    [
      'createAsset',
      (client) =>
        client.createAsset(
          {
            platform: 'JIMENG',
            groupId: 'group-1',
            url: 'https://example.com/a.png',
            type: 'IMAGE',
          },
          call,
        ),
      'POST /v1/assets?model=seedance-2-0',
      {
        platform: 'JIMENG',
        group_id: 'group-1',
        url: 'https://example.com/a.png',
        asset_type: 'Image',
      },
    ],
    [
      'getVideoTask',
      (client) => client.getVideoTask({ taskId: 'cgt-1', model: 'sora/2 &x' }, call),
      'GET /v1/video/tasks/cgt-1?model=sora%2F2+%26x',
      null,
    ],
    [
      'getVideoTask without a model',
      (client) => client.getVideoTask({ taskId: 'cgt-1', model: null }, call),
      'GET /v1/video/tasks/cgt-1',
      null,
    ],
    [
      'createVideoTask',
      (client) => client.createVideoTask(taskRequest, call),
      'POST /v1/video/tasks',
      { model: 'seedance-2-0', prompt: 'A slow pan', audio: false },
    ],
  ])('%s', async (_name, run, expectedLine, expectedBody) => {
    const seen: { line: string; body: unknown }[] = []
    const url = await serve(async (request, response) => {
      const body = request.method === 'POST' ? await json(request) : null
      seen.push({ line: `${request.method} ${request.url}`, body })
      answer(response, { code: 200, data: { id: 'x' }, id: 'x' })
    })

    await run(startClient(url))

    expect(seen).toEqual([{ line: expectedLine, body: expectedBody }])
  })
})

describe('the headers', () => {
  test('of a GET are exactly the listed ones', async () => {
    let headers: IncomingMessage['headers'] = {}
    const url = await serve((request, response) => {
      headers = request.headers
      answer(response, assetBody('Asset-1'))
    })

    await startClient(url).getAsset(assetRef, call)

    expect(headers).toEqual({
      host: new URL(url).host,
      connection: 'keep-alive',
      accept: 'application/json',
      'user-agent': expect.stringMatching(/^zerograph\/\d/),
      authorization: 'Bearer sk-test',
      'x-request-id': 'request-1',
    })
  })

  test('of a POST also contain the content type and length', async () => {
    let headers: IncomingMessage['headers'] = {}
    const url = await serve((request, response) => {
      headers = request.headers
      answer(response, { id: 'cgt-1' })
    })

    await startClient(url).createVideoTask(taskRequest, call)

    expect(headers).toMatchObject({ 'content-type': 'application/json' })
    expect(Object.keys(headers)).toHaveLength(8)
  })
})

test('/v1 is removed only from the end of a base URL', async () => {
  let path: string | undefined
  const url = await serve((request, response) => {
    path = request.url
    answer(response, { id: 'cgt-1' })
  })

  await startClient(`${url}/v1/gate`).getVideoTask({ taskId: 'cgt-1', model: null }, call)

  expect(path).toBe('/v1/gate/v1/video/tasks/cgt-1')
})

test.each(['', '/', '/v1', '/v1/', '///'])('a base URL may end in "%s"', async (ending) => {
  let path: string | undefined
  const url = await serve((request, response) => {
    path = request.url
    answer(response, { id: 'cgt-1' })
  })

  await startClient(`${url}/gate${ending}`).getVideoTask({ taskId: 'cgt-1', model: null }, call)

  expect(path).toBe('/gate/v1/video/tasks/cgt-1')
})

test('each group and asset method returns the fields of the response', async () => {
  const url = await serve((_request, response) => {
    answer(response, { code: 200, data: { id: 'x', name: 'Cast', status: 'Active' } })
  })
  const client = startClient(url)
  const fields = { name: 'Cast', status: 'ACTIVE', platform: 'BYTEPLUS' }
  const group = { platform: 'BYTEPLUS', id: 'group-1' } as const
  const asset = { platform: 'BYTEPLUS', id: 'Asset-1' } as const
  const create = { platform: 'BYTEPLUS', name: 'Cast' } as const
  const file = {
    platform: 'BYTEPLUS',
    groupId: 'group-1',
    url: 'https://example.com/a.png',
    type: 'IMAGE',
  } as const

  // A read keeps the requested id.
  expect(await client.getAssetGroup(group, call)).toMatchObject({ ...fields, groupId: 'group-1' })
  expect(await client.getAsset(asset, call)).toMatchObject({ ...fields, assetId: 'Asset-1' })
  expect(await client.createAssetGroup(create, call)).toMatchObject({ ...fields, groupId: 'x' })
  expect(await client.createAsset(file, call)).toMatchObject({ ...fields, assetId: 'x' })
})

test.each(['a', 'x'.repeat(128), 'Asset_1-b'])('the id %j is valid', async (id) => {
  const url = await serve((_request, response) => answer(response, assetBody(id)))

  const asset = await startClient(url).getAsset({ ...assetRef, id }, call)

  expect(asset.assetId).toBe(id)
})

test.each(['!', '~', 'sk-test'])('the key %j is sent unchanged', async (credential) => {
  let authorization: string | undefined
  const url = await serve((request, response) => {
    authorization = request.headers.authorization
    answer(response, assetBody('Asset-1'))
  })

  await startClient(url).getAsset(assetRef, { ...call, credential })

  expect(authorization).toBe(`Bearer ${credential}`)
})

describe('nothing is sent', () => {
  test.each(['..', '.', '', 'a/b', 'a?b', 'a%2fb', 'é', 'x'.repeat(129)])(
    'for the invalid id %j',
    async (id) => {
      const handler = vi.fn()
      const client = startClient(await serve(handler))
      const notFound = expect.objectContaining({ code: 'NOT_FOUND' })

      await expect(client.getAsset({ ...assetRef, id }, call)).rejects.toEqual(notFound)
      await expect(client.getVideoTask({ taskId: id, model: null }, call)).rejects.toEqual(notFound)
      await expect(
        client.createAsset(
          { platform: 'JIMENG', groupId: id, url: 'https://example.com/a', type: 'IMAGE' },
          call,
        ),
      ).rejects.toEqual(notFound)
      expect(handler).not.toHaveBeenCalled()
    },
  )

  test.each(['', 'sk a', 'sk-a\r\nx-access-key: b', 'sk-é'])(
    'with the key %j, which is not a valid header value',
    async (credential) => {
      const handler = vi.fn()
      const client = startClient(await serve(handler))

      const result = client.getAsset(assetRef, { ...call, credential })

      await expect(result).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
      expect(handler).not.toHaveBeenCalled()
    },
  )
})

test('an asset keeps the requested id when the response spells it differently', async () => {
  const url = await serve((_request, response) => answer(response, assetBody('asset-1')))

  const asset = await startClient(url).getAsset(assetRef, call)

  expect(asset.assetId).toBe('Asset-1')
})

test('a create whose response has no id is OUTCOME_UNKNOWN', async () => {
  const url = await serve((_request, response) => answer(response, { status: 'queued' }))

  const result = startClient(url).createVideoTask(taskRequest, call)

  await expect(result).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

test('a read whose response has no id is UPSTREAM_PROTOCOL', async () => {
  const url = await serve((_request, response) => answer(response, { code: 200, data: null }))

  const result = startClient(url).getAsset(assetRef, call)

  await expect(result).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
})

test('sequential calls share a connection', async () => {
  const sockets = new Set()
  const url = await serve((request, response) => {
    sockets.add(request.socket)
    answer(response, assetBody('Asset-1'))
  })
  const client = startClient(url, { maxConcurrency: 1 })

  for (let i = 0; i < 5; i++) await client.getAsset(assetRef, call)

  expect(sockets.size).toBe(1)
})

test('at most maxConcurrency calls run at once, and all are answered', async () => {
  let inFlight = 0
  let most = 0
  const held: ServerResponse[] = []
  const url = await serve((request, response) => {
    if (request.url === '/ping') return void response.end()
    most = Math.max(most, ++inFlight)
    held.push(response)
    response.once('finish', () => inFlight--)
  })
  const client = startClient(url, { maxConcurrency: 3 })
  const calls = Array.from({ length: 9 }, () => client.getAsset(assetRef, call))

  for (let answered = 0; answered < 9; answered += 3) {
    await vi.waitUntil(() => held.length === 3, { interval: 5 })
    // A request sent together with these three would arrive before this later request.
    await fetch(`${url}/ping`)
    for (const response of held.splice(0)) answer(response, assetBody('Asset-1'))
  }

  await expect(Promise.all(calls)).resolves.toHaveLength(9)
  expect(most).toBe(3)
})

test('closing waits for running calls', async () => {
  const requested = Promise.withResolvers<ServerResponse>()
  const client = startClient(await serve((_request, response) => requested.resolve(response)))
  const created = client.createVideoTask(taskRequest, call)
  const response = await requested.promise

  const closed = client.close()
  answer(response, { id: 'cgt-1', status: 'queued' })

  await expect(created).resolves.toMatchObject({ taskId: 'cgt-1', status: 'QUEUED' })
  await closed
  const { socket } = response.req
  // Earlier than the idle timeout of a connection.
  if (!socket.destroyed) await once(socket, 'close', { signal: AbortSignal.timeout(2_000) })
  await expect(client.getAsset(assetRef, call)).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
  })
})

test('every attempt is reported when it ends', async () => {
  const answers = [503, 200, 404]
  const url = await serve((_request, response) => {
    const status = answers.shift()
    answer(response, status === 200 ? assetBody('Asset-1') : {}, status)
  })
  const reports: UpstreamCallReport[] = []
  const client = startClient(url, { onCall: (report) => reports.push(report) })
  const startedMs = performance.now()

  await client.getAsset(assetRef, call)
  await client.getVideoTask({ taskId: 'cgt-1', model: null }, call).catch(() => {})

  const common = { method: 'GET', requestId: 'request-1', durationMs: expect.any(Number) }
  for (const { durationMs } of reports) {
    expect(durationMs).toBeGreaterThan(0)
    expect(durationMs).toBeLessThanOrEqual(performance.now() - startedMs)
  }
  expect(reports).toEqual([
    {
      ...common,
      route: '/v1/assets',
      attempt: 1,
      status: 503,
      errorCode: 'UPSTREAM_UNAVAILABLE',
    },
    { ...common, route: '/v1/assets', attempt: 2, status: 200, errorCode: null },
    { ...common, route: '/v1/video/tasks', attempt: 1, status: 404, errorCode: 'NOT_FOUND' },
  ])
})

test('every occurrence of the key in a response is replaced', async () => {
  const detail = 'sk-test and Bearer sk-test: sk-test, "sk-test"'
  const { credential } = { credential: 'held.key/1' }
  const url = await serve((_request, response) =>
    answer(response, { detail: detail.replaceAll('sk-test', credential) }, 400),
  )

  const failure = await failureOf(startClient(url).getAsset(assetRef, { ...call, credential }))

  expect(failure.message).toBe('0-0 refused the request: [key] and [key] [key], "[key]"')
})

describe('a caller that aborts', () => {
  test('ends a read at once with its own reason and closes the connection', async () => {
    const requested = Promise.withResolvers<IncomingMessage>()
    const url = await serve((request) => requested.resolve(request))
    const caller = new AbortController()
    const result = startClient(url).getAsset(assetRef, { ...call, signal: caller.signal })
    const request = await requested.promise

    const disconnected = once(request.socket, 'close')
    caller.abort('gone')

    await expect(result).rejects.toBe('gone')
    await disconnected
  })

  test('ends the pause before a retry at once', async () => {
    const handler = vi.fn((_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(503, { 'retry-after': '4' }).end()
    })
    const caller = new AbortController()
    const onCall = () => setImmediate(() => caller.abort('gone'))
    const client = startClient(await serve(handler), { onCall })

    const result = client.getAsset(assetRef, { ...call, signal: caller.signal })

    await expect(result).rejects.toBe('gone')
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test('before the call sends nothing', async () => {
    const handler = vi.fn()
    const client = startClient(await serve(handler))

    const result = client.getAsset(assetRef, { ...call, signal: AbortSignal.abort('gone') })

    await expect(result).rejects.toBe('gone')
    expect(handler).not.toHaveBeenCalled()
  })

  test('does not end a create that has been sent', async () => {
    const requested = Promise.withResolvers<ServerResponse>()
    const url = await serve((_request, response) => requested.resolve(response))
    const caller = new AbortController()
    const result = startClient(url).createVideoTask(taskRequest, {
      ...call,
      signal: caller.signal,
    })
    const response = await requested.promise

    caller.abort('gone')
    answer(response, { id: 'cgt-1' })

    await expect(result).resolves.toMatchObject({ taskId: 'cgt-1' })
  })

  test('removes a queued create, which is never sent', async () => {
    const held: ServerResponse[] = []
    const models: unknown[] = []
    const url = await serve(async (request, response) => {
      const { model } = (await json(request)) as { model: string }
      models.push(model)
      held.push(response)
    })
    const client = startClient(url, { maxCreates: 1 })
    const create = (model: string, signal?: AbortSignal) =>
      client.createVideoTask({ ...taskRequest, model }, { ...call, signal })
    const caller = new AbortController()
    const first = create('first')
    const left = create('left', caller.signal)
    const last = create('last')

    await vi.waitUntil(() => held.length === 1, { interval: 5 })
    caller.abort('gone')
    await expect(left).rejects.toBe('gone')
    held.shift()?.end('{"id":"cgt-1"}')
    await vi.waitUntil(() => held.length === 1, { interval: 5 })
    held.shift()?.end('{"id":"cgt-2"}')
    await Promise.all([first, last])

    expect(models).toEqual(['first', 'last'])
  })

  test('has no abort listeners after its calls end', async () => {
    const url = await serve((_request, response) => answer(response, assetBody('Asset-1')))
    const client = startClient(url)
    const { signal } = new AbortController()

    await Promise.all([1, 2, 3].map(() => client.getAsset(assetRef, { ...call, signal })))

    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})
