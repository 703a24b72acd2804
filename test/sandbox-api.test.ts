import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startSandbox } from './support/sandbox.ts'

const run = promisify(execFile)
const GROUP = { platform: 'JIMENG', name: 'group' }

test.skipIf(!hasCurl())(
  "the curl commands of 0-0's documentation work with only the host changed",
  async () => {
    const sandbox = await startSandbox({ assetMinMs: 60_000, assetMaxMs: 60_000 })
    const curl = async (command: string) => {
      const script = command.replaceAll('https://api.0-0.pro', sandbox.url)
      const { stdout } = await run('sh', ['-c', script], {
        env: { ...process.env, API_KEY: 'sk-docs' },
      })
      return JSON.parse(stdout)
    }

    const group = await curl(`curl -s -X POST "https://api.0-0.pro/v1/asset-groups" \\
    -H "Authorization: Bearer $API_KEY" \\
    -H "Content-Type: application/json" \\
    -d '{ "platform": "JIMENG", "name": "角色素材组", "description": "角色参考素材", "project_name": "default" }'`)
    const groupId = group.data.group_id
    const groupAgain = await curl(
      `curl -s "https://api.0-0.pro/v1/asset-groups/${groupId}?platform=JIMENG" -H "Authorization: Bearer $API_KEY"`,
    )
    const asset = await curl(`curl -s -X POST "https://api.0-0.pro/v1/assets" \\
    -H "Authorization: Bearer $API_KEY" \\
    -H "Content-Type: application/json" \\
    -d '{ "platform": "JIMENG", "group_id": "${groupId}", "url": "https://example.com/front.png", "asset_type": "Image", "name": "角色正面图" }'`)
    const assetAgain = await curl(
      `curl -s "https://api.0-0.pro/v1/assets/${asset.data.asset_id}?platform=JIMENG" -H "Authorization: Bearer $API_KEY"`,
    )
    const task = await curl(`curl -s -X POST "https://api.0-0.pro/v1/video/tasks" \\
    -H "Authorization: Bearer $API_KEY" \\
    -H "Content-Type: application/json" \\
    -d '{ "model": "seedance-2-0", "prompt": "使用参考角色,镜头缓慢推进,电影感,细节清晰", "duration": 5, "resolution": "720p", "ratio": "16:9",
      "resources": [ {"type": "image", "role": "first_frame", "asset_id": "${asset.data.asset_id}"} ] }'`)

    expect(group).toEqual({
      code: 200,
      msg: 'OK',
      data: {
        group_id: expect.stringMatching(/^group-[0-9a-f]{16}$/),
        name: '角色素材组',
        description: '角色参考素材',
        project_name: 'default',
        status: 'Active',
        created_at: expect.any(Number),
      },
    })
    expect(Math.abs(group.data.created_at - Date.now() / 1000)).toBeLessThan(10)
    expect(groupAgain).toEqual(group)
    expect(asset).toEqual({
      code: 200,
      msg: 'OK',
      data: {
        asset_id: expect.stringMatching(/^Asset-[0-9a-f]{16}$/),
        name: '角色正面图',
        group_id: groupId,
        asset_type: 'Image',
        status: 'Processing',
        url: 'https://example.com/front.png',
        created_at: expect.any(Number),
      },
    })
    expect(assetAgain).toEqual(asset)
    expect(task).toEqual({
      id: expect.stringMatching(/^cgt-[0-9a-f]+$/),
      model: 'seedance-2-0',
      provider: 'lingjing',
      status: 'queued',
      created_at: expect.any(Number),
    })
  },
)

test('a call without a key, or with a key that does not begin with sk-, is 401', async () => {
  const sandbox = await startSandbox()

  const none = await sandbox.call('GET /v1/assets/Asset-1', undefined, { key: null })
  const other = await sandbox.call('POST /v1/asset-groups', GROUP, { key: 'pk-1' })
  const models = await sandbox.call('GET /v1/models', undefined, { key: null })

  expect(none).toMatchObject({ status: 401, body: { detail: 'missing api key' } })
  expect(other).toMatchObject({ status: 401, body: { detail: 'invalid api key' } })
  expect(models.status).toBe(401)
})

test("another account's group, asset and task are not found", async () => {
  const sandbox = await startSandbox()
  const groupId = await sandbox.createGroup()
  const asset = await sandbox.registerAsset('portrait.png')
  const task = await sandbox.call('POST /v1/video/tasks', { model: 'seedance-2-0', prompt: 'x' })
  const key = 'sk-stranger'

  const responses = await Promise.all([
    sandbox.call(`GET /v1/asset-groups/${groupId}`, undefined, { key }),
    sandbox.call(`GET /v1/assets/${asset.asset_id}`, undefined, { key }),
    sandbox.call(`GET /v1/video/tasks/${task.body.id}`, undefined, { key }),
    sandbox.call(
      'POST /v1/assets',
      { group_id: groupId, url: 'http://127.0.0.1/', asset_type: 'Image' },
      { key },
    ),
  ])

  const unknown = (field: string) => ({
    status: 200,
    body: { code: 404, msg: expect.stringContaining(`NotFound.${field}`), data: null },
  })
  expect(responses[0]).toMatchObject(unknown('group_id'))
  expect(responses[1]).toMatchObject(unknown('asset_id'))
  expect(responses[2]).toMatchObject({
    status: 404,
    body: { detail: 'content generation task not found' },
  })
  expect(responses[3]).toMatchObject(unknown('group_id'))
})

test('an asset is found only on the platform it was created on', async () => {
  const sandbox = await startSandbox()
  const { asset_id: id } = await sandbox.registerAsset('portrait.png')

  const here = await sandbox.call(`GET /v1/assets/${id}?platform=JIMENG`)
  const there = await sandbox.call(`GET /v1/assets/${id}?platform=BYTEPLUS`)

  expect(here.body.code).toBe(200)
  expect(there.body.msg).toContain('NotFound.asset_id')
})

test.each([
  ['POST /v1/asset-groups', { platform: 'JIMENG' }, 'MissingParameter.name'],
  ['POST /v1/asset-groups', { name: 'x'.repeat(65) }, 'InvalidParameter.name'],
  ['POST /v1/asset-groups', { name: 'x', platform: 'jimeng' }, 'InvalidParameter.platform'],
  ['POST /v1/assets', { url: 'http://a.b/', asset_type: 'Image' }, 'MissingParameter.group_id'],
  ['POST /v1/assets', { group_id: 'g', asset_type: 'Image' }, 'MissingParameter.url'],
  [
    'POST /v1/assets',
    { group_id: 'g', asset_type: 'Image', url: 'data:image/png;base64,AA' },
    'InvalidParameter.url',
  ],
  ['POST /v1/video/tasks', { model: 'seedance-2-0', prompt: ' ' }, 'MissingParameter.prompt'],
  [
    'POST /v1/video/tasks',
    { model: 'seedance-2-0', prompt: 'x', duration: 3 },
    'InvalidParameter.duration',
  ],
])('%s with %j is refused in the envelope: %s', async (request, body, msg) => {
  const sandbox = await startSandbox()

  const answer = await sandbox.call(request, body)

  expect(answer).toMatchObject({
    status: 200,
    body: { code: 400, msg: expect.stringContaining(msg), data: null },
  })
})

test.each([
  ['GET /v1/nothing', undefined, 404, { detail: 'Not Found' }],
  ['DELETE /v1/assets/Asset-1', undefined, 405, { detail: 'Method Not Allowed' }],
  ['POST /v1/assets', [], 422, { detail: [{ type: 'dict_type', loc: ['body'] }] }],
  ['POST /v1/assets', '{', 400, { detail: 'invalid json' }],
  ['POST /v1/video/tasks', { prompt: 'x' }, 400, { detail: 'missing model' }],
  [
    'POST /v1/video/tasks',
    { model: 'm', prompt: 'x' },
    404,
    { message: 'No matching model found: m' },
  ],
  ['GET /v1/assets/Asset-1?model=m', undefined, 404, { message: 'No matching model found: m' }],
  ['GET /v1/models', undefined, 200, { object: 'list', data: [{ id: 'seedance-2-0' }, {}] }],
  ['GET /v1/models/seedance-2-0', undefined, 200, { id: 'seedance-2-0', object: 'model' }],
])('%s with %j answers %i', async (request, body, status, expected) => {
  const sandbox = await startSandbox()

  const answer = await sandbox.call(request, body)

  expect(answer).toMatchObject({ status, body: expected })
})

test('a provider credential is refused with 400, and its hash is in the call record', async () => {
  const sandbox = await startSandbox()

  const answer = await sandbox.call('POST /v1/asset-groups', GROUP, {
    headers: { 'X-Access-Key': 'secret-value' },
  })
  const { body } = await sandbox.call('GET /admin/calls')

  expect(answer.status).toBe(400)
  expect(answer.body.detail).toContain('X-Access-Key')
  expect(body.calls).toHaveLength(1)
  expect(body.calls[0]).toMatchObject({
    method: 'POST',
    path: '/v1/asset-groups',
    body: GROUP,
    status: 400,
    headers: { 'x-access-key': expect.stringMatching(/^sha256:/) },
  })
  expect(JSON.stringify(body)).not.toMatch(/secret-value|sk-test/)
})

test('other origins can read samples but not API responses', async () => {
  const sandbox = await startSandbox()
  const headers = { origin: 'http://localhost:3000' }

  const api = await sandbox.call('GET /v1/models', undefined, { headers })
  const sample = await fetch(`${sandbox.url}/samples/portrait.png`, { headers })

  expect(api.headers.get('access-control-allow-origin')).toBeNull()
  expect(sample.headers.get('access-control-allow-origin')).toBe('*')
})

test('the home page lists every sample, and every sample is served', async () => {
  const sandbox = await startSandbox()

  const page = await (await fetch(`${sandbox.url}/`)).text()
  const samples = [...page.matchAll(/href="(\/samples\/[^"]+)"/g)].map(([, path]) => path)
  const answers = await Promise.all(samples.map((path) => fetch(sandbox.url + path)))

  expect(samples).toHaveLength(6)
  expect(answers.map(({ status }) => status)).toEqual(samples.map(() => 200))
  expect(page).toContain(`curl ${sandbox.url}/v1/asset-groups`)
})

function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'])
    return true
  } catch {
    return false
  }
}
