import { expect, test } from 'vitest'
import { countRows, startSandbox } from './support/sandbox.ts'

const GROUP = { platform: 'JIMENG', name: 'group' }
const TASK = { model: 'seedance-2-0', prompt: 'a cat', duration: 4, resolution: '480p' }

test('an unknown switch, route or value is refused with the list of known switches', async () => {
  const sandbox = await startSandbox()

  const answers = await Promise.all(
    [{ htlm502: true }, { html502: true, route: 'getTask' }, { delayMs: 'long' }, 'nonsense'].map(
      (fault) => sandbox.call('PUT /admin/faults', fault),
    ),
  )

  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400])
  expect(answers[0]?.body.problem).toContain('htlm502')
  expect(answers[0]?.body.knownSwitches).toContain('html502')
  expect((await sandbox.call('GET /admin/faults')).body).toEqual({ faults: [] })
})

test('a fault applies to its route and account, and is removed after its number of times', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ html502: true, route: 'getAsset', account: 'sk-unlucky', times: 2 })
  const key = 'sk-unlucky'
  const ask = (options = {}) => sandbox.call('GET /v1/assets/Asset-1', undefined, options)

  const statuses = []
  for (const options of [{}, { key }, { key }, { key }]) statuses.push((await ask(options)).status)

  expect(statuses).toEqual([200, 502, 502, 200])
  expect((await sandbox.call('GET /admin/faults')).body).toEqual({ faults: [] })
})

test('several faults apply together until they are deleted', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault([{ omitMsg: true }, { idField: true, createdAt: 'iso' }])

  const faulty = await sandbox.call('POST /v1/asset-groups', GROUP)
  await sandbox.call('DELETE /admin/faults')
  const plain = await sandbox.call('POST /v1/asset-groups', GROUP)

  expect(faulty.body).not.toHaveProperty('msg')
  expect(faulty.body.data).not.toHaveProperty('group_id')
  expect(faulty.body.data.id).toMatch(/^group-/)
  expect(faulty.body.data.created_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/)
  expect(plain.body).toMatchObject({ msg: 'OK', data: { created_at: expect.any(Number) } })
})

test.each([
  ['edge', 401, { detail: 'missing api key' }],
  ['python', 403, { error: 'Invalid or missing API Key' }],
  ['rust', 403, { error: { message: 'Invalid or missing API Key' } }],
])('runtime %s answers a missing key with %i', async (runtime, status, body) => {
  const sandbox = await startSandbox()
  await sandbox.fault({ runtime })

  const answer = await sandbox.call('GET /v1/assets/Asset-1', undefined, { key: null })

  expect(answer).toMatchObject({ status, body })
})

test.each([
  [
    { createdAt: 'ms' },
    'POST /v1/asset-groups',
    GROUP,
    200,
    { data: { created_at: expect.closeTo(Date.now(), -6) } },
  ],
  [{ unknownIdStatus: 404 }, 'GET /v1/assets/Asset-1', undefined, 404, { code: 404 }],
  [{ rateLimit: true }, 'GET /v1/assets/Asset-1', undefined, 429, { detail: expect.any(String) }],
  [{ html502: true }, 'POST /v1/assets', GROUP, 502, expect.stringContaining('<html>')],
  [
    { forgetRoutes: true },
    'GET /v1/assets/Asset-1',
    undefined,
    404,
    { message: expect.any(String) },
  ],
  [{ forgetRoutes: true }, 'GET /v1/assets/Asset-1?model=seedance-2-0', undefined, 200, {}],
  [
    { forgetRoutes: true },
    'GET /v1/video/tasks/t',
    undefined,
    404,
    { message: expect.stringContaining('?model=') },
  ],
  [
    { maskedPollError: true },
    'GET /v1/video/tasks/t?model=seedance-2-0',
    undefined,
    200,
    { id: 't', status: 'running', video: {} },
  ],
])('the fault %j changes the response to %s', async (fault, request, body, status, expected) => {
  const sandbox = await startSandbox()
  await sandbox.fault(fault)

  const answer = await sandbox.call(request, body)

  expect(answer).toMatchObject({ status, body: expected })
})

test('badKeyStatus sets the status of a bad key', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ badKeyStatus: 403 })

  const answer = await sandbox.call('GET /v1/assets/Asset-1', undefined, { key: 'pk-1' })

  expect(answer).toMatchObject({ status: 403, body: { error: 'Invalid or missing API Key' } })
})

test('rateLimit sends Retry-After only when retryAfter is set', async () => {
  const sandbox = await startSandbox()

  await sandbox.fault({ rateLimit: true })
  const without = await sandbox.call('GET /v1/assets/Asset-1')
  await sandbox.fault({ rateLimit: { retryAfter: 7 } })
  const given = await sandbox.call('GET /v1/assets/Asset-1')

  expect(without.headers.get('retry-after')).toBeNull()
  expect(given.headers.get('retry-after')).toBe('7')
})

test('delayMs delays the response', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ delayMs: 300 })
  const started = performance.now()

  await sandbox.call('GET /v1/assets/Asset-1')

  expect(performance.now() - started).toBeGreaterThan(290)
})

test.each([
  [{ reset: 'before' }, 0],
  [{ reset: 'after' }, 1],
  [{ truncate: true }, 1],
  [{ hang: 'after' }, 1],
])('%j sends no complete response and creates %i tasks', async (fault, made) => {
  const sandbox = await startSandbox()
  await sandbox.fault(fault)

  const answer = fetch(`${sandbox.url}/v1/video/tasks`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-test' },
    body: JSON.stringify(TASK),
    signal: AbortSignal.timeout(300),
  }).then((response) => response.json())

  await expect(answer).rejects.toThrow()
  expect(countRows(sandbox.dataDir, 'task')).toBe(made)
  expect((await sandbox.call('GET /admin/calls')).body.calls[0].status).toBeNull()
})

test('duplicatePost creates two tasks and returns one', async () => {
  const sandbox = await startSandbox()
  await sandbox.fault({ duplicatePost: true, taskOutcome: 'failed' })

  const answer = await sandbox.call('POST /v1/video/tasks', TASK)

  expect(answer.body.status).toBe('queued')
  expect(countRows(sandbox.dataDir, 'task')).toBe(2)
})

test.each(['before', 'after'])(
  'hang %s sends no response, and close does not wait for it',
  async (when) => {
    const sandbox = await startSandbox()
    await sandbox.fault({ hang: when })

    const answer = sandbox.call('GET /v1/assets/Asset-1')
    const first = await Promise.race([
      answer.catch(() => 'cut'),
      new Promise((resolve) => setTimeout(resolve, 200, 'waiting')),
    ])
    await sandbox.close()

    expect(first).toBe('waiting')
    await expect(answer).rejects.toThrow()
  },
)

test('assetOutcome forces a failure, or leaves the asset Processing', async () => {
  const sandbox = await startSandbox()

  await sandbox.fault({ assetOutcome: 'FaceMismatch', times: 1 })
  const failed = await sandbox.registerAsset('portrait.png')
  await sandbox.fault({ assetOutcome: 'Processing', times: 1 })
  const stuck = await sandbox.call('POST /v1/assets', {
    group_id: await sandbox.createGroup(),
    url: `${sandbox.url}/samples/portrait.png`,
    asset_type: 'Image',
  })
  // A later asset becomes Active first.
  const later = await sandbox.registerAsset('portrait.png')
  const still = await sandbox.call(`GET /v1/assets/${stuck.body.data.asset_id}`)

  expect(failed).toMatchObject({ status: 'Failed', error: { code: 'FaceMismatch' } })
  expect(later.status).toBe('Active')
  expect(still.body.data.status).toBe('Processing')
})

test.each(['failed', 'cancelled', 'expired', 'running'])('a task can be %s', async (outcome) => {
  const sandbox = await startSandbox()
  await sandbox.fault({ taskOutcome: outcome })

  const { body } = await sandbox.call('POST /v1/video/tasks', TASK)
  const task = await sandbox.poll(`/v1/video/tasks/${body.id}`, ({ status }) => status === outcome)

  expect(task.video).toEqual({})
  expect('error' in task).toBe(outcome === 'failed')
})
