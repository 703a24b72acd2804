import { expect, test } from 'vitest'
import { type Data, startApp } from './support/app.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const CREATE_ASSET = `mutation ($input: CreateAssetInput!) { createAsset(input: $input) {
  __typename
  ... on Asset { id status sourceUrl url }
  ... on Error { code message retryable }
  ... on InvalidInputError { issues { path message } }
  ... on RateLimitedError { retryAfterSeconds }
  ... on UpstreamRejectedError { upstreamCode }
} }`
const CREATE_TASK = `mutation ($input: CreateVideoTaskInput!) { createVideoTask(input: $input) {
  __typename
  ... on VideoTask { id taskId model status prompt duration resources { type role url asset { id } } }
  ... on Error { code message retryable }
  ... on InvalidInputError { issues { path message } }
  ... on AssetsNotReadyError { assets { assetId status } }
} }`
const PREVIEW = `query ($input: CreateVideoTaskInput!) { previewVideoTask(input: $input) {
  submittable issues { path message } pendingAssets { assetId status } estimatedVideoTokens
} }`
const PICTURE = { groupId: 'group-1', url: 'https://example.com/a.png' }

test('an asset group is created from the input, and then listed', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(`mutation { createAssetGroup(
    input: { name: "Heroine", description: null, projectName: "film" }
  ) { __typename ... on AssetGroup { id name projectName status rawStatus } } }`)
  const lists = await app.query('{ assetGroups { totalCount nodes { id } } }')

  const id = 'AssetGroup:JIMENG:group-1'
  const group = { id, name: 'Heroine', projectName: 'film', status: 'ACTIVE', rawStatus: 'Active' }
  expect(data?.createAssetGroup).toEqual({ __typename: 'AssetGroup', ...group })
  expect(upstream.calls[0]?.body).toEqual({
    platform: 'JIMENG',
    name: 'Heroine',
    project_name: 'film',
  })
  expect(lists.data?.assetGroups).toEqual({ totalCount: 1, nodes: [{ id }] })
})

test('an asset is created in the group and on the platform that the global id names', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const input = { ...PICTURE, groupId: 'AssetGroup:BYTEPLUS:group-1' }
  const { data } = await app.query(CREATE_ASSET, { input })

  expect(data?.createAsset).toEqual({
    __typename: 'Asset',
    id: 'Asset:BYTEPLUS:Asset-1',
    status: 'PROCESSING',
    sourceUrl: 'https://example.com/a.png',
    url: 'https://cdn.example.com/a.png',
  })
  expect(upstream.calls[0]).toMatchObject({
    query: { model: 'seedance-2-0' },
    body: {
      platform: 'BYTEPLUS',
      group_id: 'group-1',
      asset_type: 'Image',
      url: 'https://example.com/a.png',
    },
  })
})

test('all issues of an asset input are reported together, and nothing is sent to 0-0', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const input = { groupId: 'no group', url: 'https://user:secret@example.com/', name: ' ' }
  const { data } = await app.query(CREATE_ASSET, { input })

  expect(data?.createAsset).toMatchObject({ __typename: 'InvalidInputError', retryable: false })
  expect(data?.createAsset.issues.map(({ path }: Data) => path)).toEqual([
    ['groupId'],
    ['name'],
    ['url'],
  ])
  expect(upstream.calls).toEqual([])
})

test.for(['ftp://example.com/a.png', 'example.com/a.png', 'javascript:alert(1)', ''])(
  'the invalid url %j is reported together with other issues, as a variable and inline',
  async (url) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url })

    const byVariable = await app.query(CREATE_ASSET, {
      input: { groupId: 'no group', url, name: ' ' },
    })
    const inline = await app.query(`mutation { createAsset(
      input: { groupId: "no group", url: ${JSON.stringify(url)}, name: " " }
    ) { __typename ... on InvalidInputError { issues { path message } } } }`)

    for (const { data, errors } of [byVariable, inline]) {
      expect(errors).toBeUndefined()
      expect(data?.createAsset.__typename).toBe('InvalidInputError')
      expect(data?.createAsset.issues.map(({ path }: Data) => path)).toEqual([
        ['groupId'],
        ['name'],
        ['url'],
      ])
      expect(data?.createAsset.issues[2].message).toBe('This is not an http or https URL.')
    }
    expect(upstream.calls).toEqual([])
  },
)

test('an invalid url of a resource is reported together with other issues', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = [
    { role: 'REFERENCE', url: 'https://example.com/a.png' },
    { role: 'REFERENCE', url: 'nowhere' },
  ]
  const input = { prompt: ' ', resources }

  const created = await app.query(CREATE_TASK, { input })
  const preview = await app.query(PREVIEW, { input })

  const paths = [['prompt'], ['resources', '1', 'url']]
  expect(created.data?.createVideoTask.issues.map(({ path }: Data) => path)).toEqual(paths)
  expect(preview.data?.previewVideoTask.issues.map(({ path }: Data) => path)).toEqual(paths)
  expect(upstream.calls).toEqual([])
})

test('a url that is not a string is refused before the mutation is executed', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data, errors } = await app.query(CREATE_ASSET, { input: { ...PICTURE, url: 7 } })

  expect(data).toBeUndefined()
  expect(errors?.[0]?.message).toContain('Not a text.')
  expect(upstream.calls).toEqual([])
})

test.for<[string, Answer | 'reset', Data]>([
  [
    'an unknown group',
    { body: { code: 400, msg: 'NotFound.group_id' } },
    { __typename: 'NotFoundError', code: 'NOT_FOUND', retryable: false },
  ],
  [
    'insufficient balance',
    { status: 402, body: { detail: 'insufficient balance' } },
    { __typename: 'PaymentRequiredError', code: 'PAYMENT_REQUIRED', retryable: false },
  ],
  [
    'HTTP 429 with Retry-After',
    { status: 429, headers: { 'retry-after': '7' }, body: { error: 'Too many requests' } },
    { __typename: 'RateLimitedError', retryable: true, retryAfterSeconds: 7 },
  ],
  [
    'HTTP 429 without Retry-After',
    { status: 429, body: { detail: 'limited' } },
    { __typename: 'RateLimitedError', retryable: true, retryAfterSeconds: 5 },
  ],
  [
    'an error envelope with HTTP 200',
    { body: { code: 9003, msg: 'InvalidParameter.url: no', data: null } },
    { __typename: 'UpstreamRejectedError', retryable: false },
  ],
  [
    'an overload before any work was done',
    { status: 503, body: { error: { type: 'local_overload', message: 'busy' } } },
    { __typename: 'UpstreamUnavailableError', retryable: true },
  ],
  ['a bad gateway', { status: 502, body: '<html>' }, { __typename: 'OutcomeUnknownError' }],
  [
    'a connection reset',
    'reset',
    { __typename: 'OutcomeUnknownError', code: 'OUTCOME_UNKNOWN', retryable: false },
  ],
])('%s gives its own error type after one attempt', async ([, answer, expected]) => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => answer
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const { data } = await app.query(CREATE_ASSET, { input: PICTURE })

  expect(data?.createAsset).toMatchObject(expected)
  expect(JSON.stringify(data)).not.toContain('<html>')
  expect(upstream.calls).toHaveLength(1)
})

test('createAssets creates one asset at a time and returns one result per input, in order', async () => {
  const upstream = await scriptUpstream()
  let inFlight = 0
  upstream.intercept = async ({ method, body }) => {
    if (method !== 'POST') return undefined
    inFlight += 1
    const alone = inFlight === 1
    await new Promise(setImmediate)
    inFlight -= 1
    if (!alone) return 'reset'
    const { url } = body as { url: string }
    return url.endsWith('b') ? { body: { code: 400, msg: 'InvalidParameter.url' } } : undefined
  }
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const inputs = ['a', 'b', 'c'].map((name) => ({
    groupId: 'group-1',
    url: `https://example.com/${name}`,
  }))
  const create = () =>
    app.query(
      `mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) {
        __typename ... on Asset { sourceUrl }
      } }`,
      { inputs },
    )
  // The creates of concurrent requests of one tenant are sequential too.
  const answers = await Promise.all([create(), create()])

  for (const { data } of answers) {
    expect(data?.createAssets).toEqual([
      { __typename: 'Asset', sourceUrl: 'https://example.com/a' },
      { __typename: 'UpstreamRejectedError' },
      { __typename: 'Asset', sourceUrl: 'https://example.com/c' },
    ])
  }
})

test('a permanent failure in createAssets keeps the results of earlier creates', async () => {
  const upstream = await scriptUpstream()
  // Counts only POST requests, because the created assets are polled with GET.
  upstream.intercept = ({ method }) =>
    method === 'POST' && upstream.callsTo('POST').length > 2
      ? { status: 403, body: { detail: 'api_key_spend_limit_exceeded' } }
      : undefined
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const mutation = `mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) {
    ... on Asset { assetId } ... on UpstreamRejectedError { code upstreamCode retryable }
  } }`

  const { data } = await app.query(mutation, { inputs: Array(4).fill(PICTURE) })
  const alone = await app.query(mutation, { inputs: [PICTURE] })

  expect(data?.createAssets).toEqual([
    { assetId: 'Asset-1' },
    { assetId: 'Asset-2' },
    { code: 'FORBIDDEN', upstreamCode: null, retryable: false },
    { code: 'FORBIDDEN', upstreamCode: null, retryable: false },
  ])
  expect(alone.errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
})

test('queued creates are not sent after their client disconnects', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const leaving = new AbortController()
  const sent = upstream.nextCall('POST')
  const asking = fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test' },
    body: JSON.stringify({
      query:
        'mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) { __typename } }',
      variables: { inputs: Array(5).fill(PICTURE) },
    }),
    signal: leaving.signal,
  }).catch(() => {})

  await sent
  leaving.abort()
  await asking
  gate.resolve(undefined)

  await expect
    .poll(async () => (await app.query('{ assets { totalCount } }')).data?.assets.totalCount)
    .toBe(1)
  await app.stop()
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('an asset with the wrong type for its role is an issue, and no task is created', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active', asset_type: 'Video' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const input = { prompt: 'A cat', resources: [{ role: 'FIRST_FRAME', assetId: 'Asset-1' }] }

  const created = await app.query(CREATE_TASK, { input })
  const preview = await app.query(PREVIEW, { input })

  const issues = [
    { path: ['resources', '0', 'type'], message: 'The asset Asset-1 is of type VIDEO.' },
  ]
  expect(created.data?.createVideoTask).toMatchObject({ code: 'INVALID_INPUT', issues })
  expect(preview.data?.previewVideoTask).toMatchObject({ submittable: false, issues })
  expect(upstream.callsTo('POST')).toEqual([])
})

test('a preview with too many resources or a too long duration responds without upstream requests', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = Array(50).fill({ role: 'REFERENCE', assetId: 'Asset-1' })
  const huge = { prompt: 'A cat', model: 'sora-2', duration: 2_000_000_000 }

  const many = await app.query(PREVIEW, { input: { prompt: 'A cat', resources } })
  const long = await app.query(PREVIEW, { input: huge })

  expect(many.data?.previewVideoTask.submittable).toBe(false)
  expect(long.data?.previewVideoTask).toMatchObject({
    issues: [{ path: ['duration'] }],
    estimatedVideoTokens: 2 ** 31 - 1,
  })
  expect(upstream.calls).toEqual([])
})

test('a task with ACTIVE assets is sent to 0-0, and keeps its input', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('asset-low', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const input = {
    prompt: 'A cat',
    duration: 4,
    resources: [{ role: 'FIRST_FRAME', assetId: 'Asset:JIMENG:asset-low' }],
  }
  const { data } = await app.query(CREATE_TASK, { input })

  const sent = upstream.callsTo('POST /v1/video/tasks')
  expect(sent.map(({ body }) => body)).toEqual([
    {
      model: 'seedance-2-0',
      prompt: 'A cat',
      duration: 4,
      resolution: '720p',
      ratio: 'adaptive',
      audio: false,
      resources: [{ type: 'image', role: 'first_frame', url: 'asset://asset-low' }],
    },
  ])
  expect(data?.createVideoTask).toEqual({
    __typename: 'VideoTask',
    id: 'VideoTask:cgt-2',
    taskId: 'cgt-2',
    model: 'seedance-2-0',
    status: 'QUEUED',
    prompt: 'A cat',
    duration: 4,
    resources: [
      { type: 'IMAGE', role: 'FIRST_FRAME', url: null, asset: { id: 'Asset:JIMENG:asset-low' } },
    ],
  })
})

const FAULTY = {
  prompt: ' ',
  duration: 99,
  ratio: '2:1',
  resources: [
    { role: 'LAST_FRAME', url: 'https://example.com/a.png' },
    { role: 'REFERENCE' },
    { role: 'REFERENCE', assetId: 'not an id' },
    { role: 'REFERENCE', assetId: 'Asset-1', url: 'https://example.com/a.png' },
  ],
}

test('all issues of a task input are reported together with their paths, and a preview reports the same', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const created = await app.query(CREATE_TASK, { input: FAULTY })
  const preview = await app.query(PREVIEW, { input: FAULTY })

  const { issues } = created.data?.createVideoTask ?? {}
  const paths = issues.map(({ path }: Data) => path.join('.'))
  expect(paths).toEqual(
    expect.arrayContaining([
      'prompt',
      'duration',
      'ratio',
      'resources.0.role',
      'resources.1.assetId',
      'resources.2.assetId',
      'resources.3.url',
    ]),
  )
  expect(preview.data?.previewVideoTask).toMatchObject({ submittable: false, issues })
  expect(upstream.calls).toEqual([])
})

test('a task with assets that are not ACTIVE is not sent, and the error lists them', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  upstream.assets.set('Asset-2', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = ['Asset-1', 'Asset-2', 'Asset-1'].map((assetId) => ({
    role: 'REFERENCE',
    assetId,
  }))
  const input = { prompt: 'A cat', resources }

  const created = await app.query(CREATE_TASK, { input })
  const preview = await app.query(PREVIEW, { input })
  upstream.assets.set('Asset-1', { status: 'Failed' })
  const afterFailure = await app.query(CREATE_TASK, { input })

  const pending = [{ assetId: 'Asset-1', status: 'PROCESSING' }]
  expect(created.data?.createVideoTask).toMatchObject({
    code: 'ASSETS_NOT_READY',
    retryable: true,
    assets: pending,
  })
  expect(preview.data?.previewVideoTask).toEqual({
    submittable: false,
    issues: [],
    pendingAssets: pending,
    estimatedVideoTokens: 108_900,
  })
  expect(afterFailure.data?.createVideoTask).toMatchObject({ retryable: false })
  expect(upstream.callsTo('POST')).toEqual([])
})

test('ASSETS_NOT_READY is not retryable if one of the assets has failed', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  upstream.assets.set('Asset-2', { status: 'Failed' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = ['Asset-1', 'Asset-2'].map((assetId) => ({ role: 'REFERENCE', assetId }))

  const { data } = await app.query(CREATE_TASK, { input: { prompt: 'A cat', resources } })

  expect(data?.createVideoTask).toEqual({
    __typename: 'AssetsNotReadyError',
    code: 'ASSETS_NOT_READY',
    message: 'Every referenced asset must be ACTIVE: Asset-1 is PROCESSING, Asset-2 is FAILED.',
    retryable: false,
    assets: [
      { assetId: 'Asset-1', status: 'PROCESSING' },
      { assetId: 'Asset-2', status: 'FAILED' },
    ],
  })
})

test('a failed asset is an issue of the preview, not a pending asset', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Failed', error: { Code: 'WidthTooSmall' } })
  upstream.assets.set('Asset-2', { status: 'Processing' })
  upstream.assets.set('Asset-3', { status: 'Failed' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = ['Asset-1', 'Asset-2', 'Asset-3'].map((assetId) => ({
    role: 'REFERENCE',
    assetId,
  }))

  const { data } = await app.query(PREVIEW, { input: { prompt: 'A cat', resources } })

  expect(data?.previewVideoTask).toMatchObject({
    submittable: false,
    issues: [
      {
        path: ['resources', '0', 'assetId'],
        message: 'The asset Asset-1 has failed: WidthTooSmall.',
      },
      { path: ['resources', '2', 'assetId'], message: 'The asset Asset-3 has failed.' },
    ],
    pendingAssets: [{ assetId: 'Asset-2', status: 'PROCESSING' }],
  })
})

test.for<[string, Data, Data]>([
  ['no options', {}, { duration: 5, resolution: '720p', ratio: 'adaptive' }],
  [
    'options',
    { model: 'seedance-2-0-fast', duration: -1, resolution: '480p', ratio: '9:16' },
    { duration: -1, resolution: '480p', ratio: '9:16' },
  ],
  [
    'the fast model',
    { model: 'seedance-2-0-fast' },
    { duration: 5, resolution: '720p', ratio: 'adaptive' },
  ],
  ['another model', { model: 'sora-2' }, { duration: null, resolution: null, ratio: null }],
])('a task with %s shows the values that were sent to 0-0', async ([, options, expected]) => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const fields = '... on VideoTask { duration resolution ratio }'
  const create = `mutation ($input: CreateVideoTaskInput!) {
    createVideoTask(input: $input) { ${fields} }
  }`
  const input = { prompt: 'A cat', ...options }

  const direct = await app.query(create, { input })
  const waiting = await app.query(create, { input: { ...input, waitForAssets: true } })
  await expect.poll(() => upstream.callsTo('POST').length).toBe(2)
  const listed = await app.query(`{ videoTasks { nodes { ${fields} } } }`)

  expect(direct.data?.createVideoTask).toEqual(expected)
  expect(waiting.data?.createVideoTask).toEqual(expected)
  expect(listed.data?.videoTasks.nodes).toEqual([expected, expected])
  for (const { body } of upstream.callsTo('POST')) {
    const { duration = null, resolution = null, ratio = null } = body as Data
    expect({ duration, resolution, ratio }).toEqual(expected)
  }
})

test('a task with an unknown asset is not sent', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const input = { prompt: 'A cat', resources: [{ role: 'FIRST_FRAME', assetId: 'Asset-9' }] }

  const created = await app.query(CREATE_TASK, { input })
  const preview = await app.query(PREVIEW, { input })

  expect(created.data?.createVideoTask).toMatchObject({ __typename: 'NotFoundError' })
  expect(preview.data?.previewVideoTask.issues).toMatchObject([
    { path: ['resources', '0', 'assetId'] },
  ])
  expect(upstream.callsTo('POST')).toEqual([])
})

test('a preview of a valid task is submittable, and creates nothing at 0-0', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = [{ role: 'FIRST_FRAME', assetId: 'Asset-1' }]
  const input = { prompt: 'A cat', duration: 10, resolution: '480p', resources }

  const { data } = await app.query(PREVIEW, { input })

  expect(data?.previewVideoTask).toEqual({
    submittable: true,
    issues: [],
    pendingAssets: [],
    estimatedVideoTokens: 96_800,
  })
  expect(upstream.callsTo('POST')).toEqual([])
})

test('a create is completed and recorded after its client disconnects', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const leaving = new AbortController()

  const sent = upstream.nextCall('POST /v1/video/tasks')
  const asking = fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test' },
    body: JSON.stringify({ query: CREATE_TASK, variables: { input: { prompt: 'A cat' } } }),
    signal: leaving.signal,
  }).catch((error: Error) => error.name)
  await sent
  leaving.abort()
  expect(await asking).toBe('AbortError')
  gate.resolve(undefined)

  await expect
    .poll(async () => (await app.query('{ videoTasks { nodes { prompt } } }')).data?.videoTasks)
    .toEqual({ nodes: [{ prompt: 'A cat' }] })
})
