import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { type Call, type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation ($input: CreateVideoFromUrlsInput!) { createVideoFromUrls(input: $input) {
  __typename
  ... on VideoTask { id status prompt duration resources { role type asset { assetId } } }
  ... on Error { code message retryable }
  ... on InvalidInputError { issues { path } }
  ... on AssetsNotReadyError { assets { assetId status } }
} }`
const GROUPS = 'POST /v1/asset-groups'
const ASSETS = 'POST /v1/assets'
const TASKS = 'POST /v1/video/tasks'
const FIRST = { url: 'https://example.com/first.png', role: 'FIRST_FRAME', name: 'First' }
const LAST = { url: 'https://example.com/last.png', role: 'LAST_FRAME' }
const INPUT = { prompt: 'She smiles', files: [FIRST, LAST] }
const TOO_MANY = { status: 429, body: { error: 'Too many requests' } }

async function start() {
  const upstream = await scriptUpstream()
  return { upstream, app: await startApp({ UPSTREAM_URL: upstream.url }) }
}

async function create(app: TestApp, input: Data): Promise<Data> {
  const { data, errors, extensions } = await app.query(CREATE, { input: { ...INPUT, ...input } })
  if (errors) throw new Error(JSON.stringify(errors))
  return { ...data?.createVideoFromUrls, ...(extensions ? { extensions } : {}) }
}

/** How many groups, assets and tasks 0-0 was asked to create. */
function creates(upstream: ScriptedUpstream) {
  return [GROUPS, ASSETS, TASKS].map((prefix) => upstream.callsTo(prefix).length)
}

const bodyOf = ({ body }: Call) => body as Data

/** Answers the create with this number, counted from 1 over all creates, in this way. */
function answerCreate(
  upstream: ScriptedUpstream,
  number: number,
  answer: 'reset' | typeof TOO_MANY,
) {
  upstream.intercept = ({ method }) =>
    method === 'POST' && upstream.callsTo('POST').length === number ? answer : undefined
}

test('a group, its assets and a waiting task are created, and the task is sent when they are ACTIVE', async () => {
  const { upstream, app } = await start()

  const task = await create(app, { groupName: 'Heroine', duration: 4 })
  const before = creates(upstream)
  const sent = upstream.nextCall(TASKS)
  for (const asset of upstream.assets.values()) asset.status = 'Active'

  expect(task).toEqual({
    __typename: 'VideoTask',
    id: expect.stringMatching(/^VideoTask:zg-/),
    status: 'WAITING_FOR_ASSETS',
    prompt: 'She smiles',
    duration: 4,
    resources: [
      { role: 'FIRST_FRAME', type: 'IMAGE', asset: { assetId: 'Asset-2' } },
      { role: 'LAST_FRAME', type: 'IMAGE', asset: { assetId: 'Asset-3' } },
    ],
  })
  expect(before).toEqual([1, 2, 0])
  expect(upstream.callsTo(GROUPS).map(bodyOf)).toMatchObject([{ name: 'Heroine' }])
  expect(upstream.callsTo(ASSETS).map(bodyOf)).toMatchObject([
    { group_id: 'group-1', url: FIRST.url, name: 'First' },
    { group_id: 'group-1', url: LAST.url },
  ])
  expect(bodyOf(await sent)).toMatchObject({
    prompt: 'She smiles',
    resources: [{ asset_id: 'Asset-2' }, { asset_id: 'Asset-3' }],
  })
})

test('a repeat with the same key returns the same task and creates nothing', async () => {
  const { upstream, app } = await start()

  const first = await create(app, { idempotencyKey: 'k' })
  const again = await create(app, { idempotencyKey: 'k' })

  expect(first.extensions).toBeUndefined()
  expect(again).toEqual({ ...first, extensions: { replayed: true } })
  expect(creates(upstream)).toEqual([1, 2, 0])
})

test('without a key each call creates everything', async () => {
  const { upstream, app } = await start()

  const [first, second] = [await create(app, {}), await create(app, {})]

  expect(first.id).not.toBe(second.id)
  expect(creates(upstream)).toEqual([2, 4, 0])
})

test('concurrent calls with one key create everything once', async () => {
  const { upstream, app } = await start()

  const results = await Promise.all(
    Array.from({ length: 5 }, () => create(app, { idempotencyKey: 'k' })),
  )

  expect(new Set(results.map(({ id }) => id)).size).toBe(1)
  expect(creates(upstream)).toEqual([1, 2, 0])
})

test.for<[what: string, input: Data]>([
  ['prompt', { prompt: 'He smiles' }],
  ['file', { files: [FIRST] }],
  ['name of a file', { files: [FIRST, { ...LAST, name: 'Last' }] }],
  ['group name', { groupName: 'Other' }],
  ['group', { groupId: 'group-1' }],
])('another %s under the same key is a conflict', async ([, input]) => {
  const { upstream, app } = await start()
  await create(app, { idempotencyKey: 'k' })

  const other = await create(app, { idempotencyKey: 'k', ...input })

  expect(other).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', retryable: false })
  expect(other.extensions).toBeUndefined()
  expect(creates(upstream)).toEqual([1, 2, 0])
})

test('a key of another create is a conflict, and the other way round', async () => {
  const { upstream, app } = await start()
  const group = (key: string) =>
    app.query(
      'mutation ($key: String) { createAssetGroup(input: { name: "G", idempotencyKey: $key }) { ... on Error { code } } }',
      { key },
    )
  await group('a')
  await create(app, { idempotencyKey: 'b' })

  const video = await create(app, { idempotencyKey: 'a' })
  const { data } = await group('b')

  expect(video.code).toBe('IDEMPOTENCY_CONFLICT')
  expect(data?.createAssetGroup).toEqual({ code: 'IDEMPOTENCY_CONFLICT' })
  expect(creates(upstream)).toEqual([2, 2, 0])
})

test.for(['group-1', 'AssetGroup:JIMENG:group-1'])(
  'in the group %s no group is created',
  async (groupId) => {
    const { upstream, app } = await start()

    const task = await create(app, { groupId, idempotencyKey: 'k' })
    const again = await create(app, { groupId: 'group-1', idempotencyKey: 'k' })

    expect(creates(upstream)).toEqual([0, 2, 0])
    expect(upstream.callsTo(ASSETS).map(bodyOf)).toMatchObject(
      Array(2).fill({ group_id: 'group-1' }),
    )
    expect(again.id).toBe(task.id)
  },
)

test.for<[prompt: string, name: string]>([
  ['  She \n smiles ', 'She smiles'],
  ['😀'.repeat(80), '😀'.repeat(64)],
])('a group without a name gets the beginning of the prompt', async ([prompt, name]) => {
  const { upstream, app } = await start()

  await create(app, { prompt })

  expect(upstream.callsTo(GROUPS).map(bodyOf)).toMatchObject([{ name }])
})

test('without files no group is created, and the task is sent', async () => {
  const { upstream, app } = await start()
  const sent = upstream.nextCall(TASKS)

  const task = await create(app, { files: [] })

  expect(task.status).toBe('WAITING_FOR_ASSETS')
  expect(bodyOf(await sent).prompt).toBe('She smiles')
  expect(creates(upstream)).toEqual([0, 0, 1])
})

test.for<[what: string, input: Data, paths: string[]]>([
  ['a blank prompt', { prompt: ' ' }, ['prompt']],
  ['a blank group name', { groupName: ' ' }, ['groupName']],
  ['a long group name', { groupName: 'x'.repeat(65) }, ['groupName']],
  ['an id of another type', { groupId: 'Asset:JIMENG:a' }, ['groupId']],
  ['a blank key', { idempotencyKey: ' ' }, ['idempotencyKey']],
  ['a key with a control character', { idempotencyKey: 'k\u001fgroup' }, ['idempotencyKey']],
  ['a duration', { duration: 3 }, ['duration']],
  ['a resolution', { resolution: '8k' }, ['resolution']],
  ['a ratio', { ratio: '2:1' }, ['ratio']],
  ['a long name of a file', { files: [{ ...FIRST, name: 'x'.repeat(65) }] }, ['files.0.name']],
  [
    'a URL with a password',
    { files: [FIRST, { ...LAST, url: 'https://a:b@example.com/' }] },
    ['files.1.url'],
  ],
  ['a last frame alone', { files: [LAST] }, ['files.0.role']],
  ['two first frames', { files: [FIRST, FIRST] }, ['files.1.role']],
  ['a sound as a frame', { files: [{ ...FIRST, type: 'AUDIO' }] }, ['files.0.type', 'files']],
  ['too many references', { files: Array(10).fill({ ...FIRST, role: 'REFERENCE' }) }, ['files']],
  ['a model without assets', { model: 'other', files: [FIRST] }, ['files.0.url']],
  ['several issues', { prompt: '', files: [LAST], seed: -2 }, ['prompt', 'seed', 'files.0.role']],
])('%s is an issue, and nothing is created', async ([, input, paths]) => {
  const { upstream, app } = await start()

  const result = await create(app, input)
  const { data } = await app.query('{ assetGroups { totalCount } videoTasks { totalCount } }')

  expect(result).toMatchObject({ __typename: 'InvalidInputError', code: 'INVALID_INPUT' })
  expect(result.issues.map(({ path }: Data) => path.join('.'))).toEqual(paths)
  expect(upstream.calls).toEqual([])
  expect(data).toEqual({ assetGroups: { totalCount: 0 }, videoTasks: { totalCount: 0 } })
})

test('an invalid input does not use up the key', async () => {
  const { app } = await start()
  await create(app, { idempotencyKey: 'k', prompt: '' })

  expect(await create(app, { idempotencyKey: 'k' })).toMatchObject({ __typename: 'VideoTask' })
})

test.for([
  [1, [2, 2, 0]],
  [2, [1, 3, 0]],
  [3, [1, 3, 0]],
] as const)(
  'after a rate limit for create %d, a repeat continues there',
  async ([number, expected]) => {
    const { upstream, app } = await start()
    answerCreate(upstream, number, TOO_MANY)

    const first = await create(app, { idempotencyKey: 'k' })
    const calls = upstream.callsTo('POST').length
    const second = await create(app, { idempotencyKey: 'k' })

    expect(first).toMatchObject({ __typename: 'RateLimitedError', retryable: true })
    expect(calls).toBe(number)
    expect(second).toMatchObject({ __typename: 'VideoTask', status: 'WAITING_FOR_ASSETS' })
    expect(second.extensions).toBeUndefined()
    expect(creates(upstream)).toEqual(expected)
  },
)

test.for([1, 2, 3])(
  'after a connection reset of create %d the outcome stays unknown',
  async (number) => {
    const { upstream, app } = await start()
    answerCreate(upstream, number, 'reset')

    const first = await create(app, { idempotencyKey: 'k' })
    const again = await create(app, { idempotencyKey: 'k' })

    expect(first).toMatchObject({ __typename: 'OutcomeUnknownError', retryable: false })
    expect(again).toEqual({ ...first, extensions: { replayed: true } })
    expect(upstream.callsTo('POST')).toHaveLength(number)
    expect((await app.query('{ videoTasks { totalCount } }')).data?.videoTasks.totalCount).toBe(0)
  },
)

test('a file that has failed before the task is stored is reported, and no task is created', async () => {
  const { upstream, app } = await start()
  answerCreate(upstream, 3, TOO_MANY)
  await create(app, { idempotencyKey: 'k' })
  upstream.assets.set('Asset-2', { status: 'Failed' })
  await until(async () => {
    const { data } = await app.query('{ assets(status: FAILED) { totalCount } }')
    return data?.assets.totalCount === 1
  })

  const result = await create(app, { idempotencyKey: 'k' })

  expect(result).toMatchObject({
    __typename: 'AssetsNotReadyError',
    retryable: false,
    assets: [{ assetId: 'Asset-2', status: 'FAILED' }],
  })
  expect((await app.query('{ videoTasks { totalCount } }')).data?.videoTasks.totalCount).toBe(0)
})

test('a task whose file fails later is FAILED and never sent', async () => {
  const { upstream, app } = await start()
  const task = await create(app, {})
  upstream.assets.set('Asset-2', { status: 'Failed' })

  const events = await app
    .subscribe('subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) { current } }', {
      id: task.id,
    })
    .rest()

  expect(events.at(-1)?.data?.videoTaskStatusChanged).toEqual({ current: 'FAILED' })
  expect(upstream.callsTo(TASKS)).toEqual([])
})

test('missing credentials are an error, and nothing is created', async () => {
  const { upstream, app } = await start()

  const { errors } = await app.query(CREATE, { input: INPUT }, null)

  expect(errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
  expect(upstream.calls).toEqual([])
})
