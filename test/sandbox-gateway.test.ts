import { expect, test } from 'vitest'
import { countRows, startSandbox, type TestSandbox } from './support/sandbox.ts'

const TASK = { model: 'seedance-2-0', prompt: 'a cat', duration: 4, resolution: '480p' }
const GROUP = { platform: 'JIMENG', name: 'group' }

const createTask = (sandbox: TestSandbox, options = {}) =>
  sandbox.call('POST /v1/video/tasks', TASK, options)

test.each([
  ['python', 429, { error: 'All seedance-2-0 error: {"code":429,"msg":' }],
  ['python', 401, { error: 'All seedance-2-0 error: {"code":401,"msg":' }],
  ['edge', 503, { error: 'All seedance-2-0 error: {"code":503,"msg":' }],
])(
  'runtime %s retries a video create that a provider answers with %i, and wraps the last response',
  async (runtime, providerStatus, body) => {
    const sandbox = await startSandbox()
    await sandbox.fault({ runtime, providerStatus })

    const answer = await createTask(sandbox)

    expect(answer.status).toBe(providerStatus)
    expect(answer.body.error).toContain(body.error)
    expect(answer.headers.get('x-uni-api-status-origin')).toBe('provider_http')
  },
)

test.each([
  ['rust', 'POST /v1/video/tasks', 429],
  ['rust', 'GET /v1/assets/Asset-1?model=seedance-2-0', 403],
  ['python', 'POST /v1/video/tasks', 400],
  ['python', 'POST /v1/asset-groups', 401],
])('runtime %s forwards the provider response to %s with %i', async (runtime, request, status) => {
  const sandbox = await startSandbox()
  await sandbox.fault({ runtime, providerStatus: status })

  const answer = await sandbox.call(request, request.startsWith('POST') ? TASK : undefined)

  expect(answer).toMatchObject({ status, body: { code: status, data: null } })
  expect(answer.headers.get('x-uni-api-runtime')).toBe(runtime === 'rust' ? 'rust' : null)
})

test('a create whose response is lost exists once when its retries are refused', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ attempts: ['lost', 429, 429] })

  const answer = await sandbox.call('POST /v1/asset-groups', GROUP)

  expect(answer.status).toBe(429)
  expect(answer.body.error).toContain('All seedance-2-0 error')
  expect(countRows(sandbox.dataDir, 'asset_group')).toBe(1)
})

test('every retry of a create whose response is lost creates another group', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ attempts: ['lost', 'lost'] })

  const answer = await sandbox.call('POST /v1/asset-groups', GROUP)

  expect(answer.body.code).toBe(200)
  expect(countRows(sandbox.dataDir, 'asset_group')).toBe(3)
})

test.each([
  ['python', 502, { error: expect.stringMatching(/^All seedance-2-0 error: /) }],
  ['rust', 502, { error: { message: expect.stringContaining('Upstream transport error') } }],
])(
  'runtime %s answers %i when every response of its provider is lost',
  async (runtime, status, body) => {
    const sandbox = await startSandbox()
    await sandbox.fault({ runtime, attempts: ['lost', 'lost', 'lost'] })

    expect(await createTask(sandbox)).toMatchObject({ status, body })
  },
)

test('a status that the gateway does not retry ends the attempts', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ attempts: [400, 'lost', 'lost'] })

  expect((await sandbox.call('POST /v1/asset-groups', GROUP)).status).toBe(400)
  expect(countRows(sandbox.dataDir, 'asset_group')).toBe(0)
})

test('coolingDown answers 429 with the Rust message and without Retry-After', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ runtime: 'rust', coolingDown: true })

  const answer = await createTask(sandbox)

  expect(answer).toMatchObject({
    status: 429,
    body: { error: { message: 'All matching provider routes are cooling down' } },
  })
  expect(answer.headers.get('retry-after')).toBeNull()
  expect(answer.headers.get('x-uni-api-runtime')).toBeNull()
})

test.each([
  ['edge', 'POST /v1/video/tasks', 402, { detail: 'insufficient balance' }],
  ['edge', 'GET /v1/assets/Asset-1', 200, { code: 404 }],
  ['rust', 'GET /v1/assets/Asset-1?model=seedance-2-0', 429, { error: { message: /^Balance is/ } }],
])('runtime %s with an empty balance: %s is %i', async (runtime, request, status, body) => {
  const sandbox = await startSandbox()
  await sandbox.fault({ runtime, insufficientBalance: true })

  const answer = await sandbox.call(request, request.startsWith('POST') ? TASK : undefined)

  const { message } = (body as { error?: { message?: RegExp } }).error ?? {}
  const expected = message ? { error: { message: expect.stringMatching(message) } } : body
  expect(answer).toMatchObject({ status, body: expected })
})

test('runtime python ignores a key in x-api-key', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ runtime: 'python' })

  const answer = await sandbox.call('GET /v1/assets/Asset-1', undefined, {
    key: null,
    headers: { 'x-api-key': 'sk-test' },
  })

  expect(answer).toMatchObject({ status: 403, body: { message: 'Not authenticated' } })
})

test('runtime rust answers a read without ?model= only for a known task', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ runtime: 'rust' })
  const { body: task } = await createTask(sandbox)
  const noProvider = { error: { message: 'No available providers at the moment: video' } }

  const asset = await sandbox.call('GET /v1/assets/Asset-1')
  const unknown = await sandbox.call('GET /v1/video/tasks/cgt-unknown')
  const known = await sandbox.call(`GET /v1/video/tasks/${task.id}`)

  expect(asset).toMatchObject({ status: 404, body: noProvider })
  expect(unknown).toMatchObject({ status: 404, body: noProvider })
  expect(known).toMatchObject({ status: 200, body: { id: task.id } })
  expect(known.headers.get('x-uni-api-runtime')).toBe('rust')
})

test.each(['python', 'rust'])(
  'runtime %s returns an unknown task with ?model= as running',
  async (runtime) => {
    const sandbox = await startSandbox()
    await sandbox.fault({ runtime })

    const answer = await sandbox.call('GET /v1/video/tasks/cgt-unknown?model=seedance-2-0')

    expect(answer).toMatchObject({ status: 200, body: { status: 'running', video: {} } })
  },
)

test.each([
  ['edge', 404, { detail: 'content generation task not found' }],
  ['python', 403, { message: 'Task belongs to a different API key' }],
  ['rust', 200, { status: expect.any(String) }],
])('runtime %s answers %i for the task of another key', async (runtime, status, body) => {
  const sandbox = await startSandbox()
  const { body: task } = await createTask(sandbox)
  await sandbox.fault({ runtime })

  const path = `GET /v1/video/tasks/${task.id}?model=seedance-2-0`
  const answer = await sandbox.call(path, undefined, { key: 'sk-other' })

  expect(answer).toMatchObject({ status, body })
})

test('sharedAssets lets any key read assets and groups', async () => {
  const sandbox = await startSandbox()
  const asset = await sandbox.registerAsset('portrait.png')
  const read = async (path: string) =>
    (await sandbox.call(`GET ${path}`, undefined, { key: 'sk-other' })).body.code
  const paths = [`/v1/assets/${asset.asset_id}`, `/v1/asset-groups/${asset.group_id}`]

  const apart = await Promise.all(paths.map(read))
  await sandbox.fault({ sharedAssets: true })
  const shared = await Promise.all(paths.map(read))

  expect({ apart, shared }).toEqual({ apart: [404, 404], shared: [200, 200] })
})

test('signedUrls returns a different URL of the same file at each read of an active asset', async () => {
  const sandbox = await startSandbox()
  const asset = await sandbox.registerAsset('portrait.png')
  await sandbox.fault({ signedUrls: true })
  const read = async () => (await sandbox.call(`GET /v1/assets/${asset.asset_id}`)).body.data.url

  const [first, second] = [await read(), await read()]

  expect(first).not.toBe(second)
  expect((await fetch(second)).headers.get('content-type')).toBe('image/png')
})

test('a sandbox that reports progress does so until a fault says otherwise', async () => {
  const sandbox = await startSandbox({}, undefined, true)
  const { body: task } = await sandbox.call('POST /v1/video/tasks', {
    model: 'seedance-2-0',
    prompt: 'a cat',
  })
  const read = async () => (await sandbox.call(`GET /v1/video/tasks/${task.id}`)).body

  const before = await read()
  await sandbox.fault({ progress: false })
  const after = await read()

  expect(before.progress).toEqual(expect.any(Number))
  expect(after).not.toHaveProperty('progress')
})

test('progress grows to 100 while a task runs', async () => {
  const sandbox = await startSandbox({ taskRunningMs: 400 })
  await sandbox.fault({ progress: true })
  const { body: task } = await createTask(sandbox)

  const seen: number[] = []
  await sandbox.poll(`/v1/video/tasks/${task.id}`, ({ status, progress }) => {
    seen.push(progress)
    return status === 'succeeded'
  })

  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(seen.at(-1)).toBe(100)
  expect(seen.some((progress) => progress > 0 && progress < 100)).toBe(true)
})

test('failureAsObject returns the error message of a failed task as an object', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault([{ taskOutcome: 'failed' }, { failureAsObject: true }])
  const { body: task } = await createTask(sandbox)

  const failed = await sandbox.poll(`/v1/video/tasks/${task.id}`, ({ error }) => error)

  expect(failed.error.message).toEqual({
    code: 'InternalServiceError',
    message: 'asked for by a fault',
  })
})

test.each([
  ['rust', { error: { message: 'Not found' } }, { error: { message: 'Method not allowed' } }],
  ['python', { detail: 'Not Found' }, { detail: 'Method Not Allowed' }],
])(
  'runtime %s has its own body for an unknown route and a wrong method',
  async (runtime, notFound, notAllowed) => {
    const sandbox = await startSandbox()
    await sandbox.fault({ runtime })

    expect(await sandbox.call('GET /v1/nothing')).toMatchObject({ status: 404, body: notFound })
    expect(await sandbox.call('DELETE /v1/assets/Asset-1')).toMatchObject({
      status: 405,
      body: notAllowed,
    })
  },
)

test('every model has owned_by uni-api', async () => {
  const sandbox = await startSandbox()

  const { body } = await sandbox.call('GET /v1/models')

  expect(new Set(body.data.map((model: { owned_by: string }) => model.owned_by))).toEqual(
    new Set(['uni-api']),
  )
})

test('type and role of a resource are case-insensitive', async () => {
  const sandbox = await startSandbox()
  const asset = await sandbox.registerAsset('portrait.png')
  const resources = [{ type: 'IMAGE', role: 'FIRST_FRAME', asset_id: asset.asset_id }]

  const { body: task } = await sandbox.call('POST /v1/video/tasks', { ...TASK, resources })

  const { body: seen } = await sandbox.call(`GET /admin/tasks/${task.id}`)
  expect(seen.input.resources).toMatchObject([{ type: 'image', role: 'first_frame' }])
})
