import { expect, test } from 'vitest'
import { limitsOfVideoModel } from '../src/model/video-model-limits.ts'
import { checkVideoTask } from '../src/upstream/input-limits.ts'
import { readModelList } from '../src/upstream/model-list.ts'
import { startApp } from './support/app.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const MODELS = `{ models {
  id acceptsAssets resolutions ratios durations { min max } maxImages maxVideos maxAudios
  defaults { duration resolution ratio }
} }`
const IDS = '{ models { id } }'

const STANDARD = {
  id: 'seedance-2-0',
  acceptsAssets: true,
  resolutions: ['480p', '720p', '1080p', '4k'],
  ratios: ['16:9', '4:3', '1:1', '3:4', '9:16', '21:9', 'adaptive'],
  durations: { min: 4, max: 15 },
  maxImages: 9,
  maxVideos: 3,
  maxAudios: 3,
  defaults: { duration: 5, resolution: '720p', ratio: 'adaptive' },
}
const FAST = { ...STANDARD, id: 'seedance-2-0-fast', resolutions: ['480p', '720p'] }
const SORA = {
  id: 'sora-2',
  acceptsAssets: false,
  resolutions: null,
  ratios: null,
  durations: null,
  maxImages: null,
  maxVideos: null,
  maxAudios: null,
  defaults: null,
}
const KNOWN = { models: [{ id: 'seedance-2-0' }, { id: 'seedance-2-0-fast' }] }

test('models lists the offered video models in the order of 0-0, with null for unknown limits', async () => {
  const { app } = await startWith(listOf('gpt-5', 'sora-2', 'seedance-2-0', 'claude-4'))

  expect(await app.query(MODELS)).toEqual({ data: { models: [SORA, STANDARD] } })
})

test('models lists what the sandbox offers', async () => {
  const app = await startApp()

  expect(await app.query(MODELS)).toEqual({ data: { models: [STANDARD, FAST] } })
})

test('models lists the known models without credentials, and sends nothing to 0-0', async () => {
  const { app, upstream } = await startWith(listOf('sora-2'))

  expect(await app.query(MODELS, {}, null)).toEqual({ data: { models: [STANDARD, FAST] } })
  expect(upstream.calls).toEqual([])
})

test('models is empty when 0-0 offers no video model', async () => {
  const { app } = await startWith(listOf('gpt-5'))

  expect(await app.query(IDS)).toEqual({ data: { models: [] } })
})

test.for<[what: string, answer: Answer]>([
  ['answers 404', { status: 404, body: { detail: 'Not Found' } }],
  ['refuses the list to a valid key', { status: 403, body: { detail: 'model disabled' } }],
  ['is not available', { status: 503, body: { detail: 'no channel configured' } }],
  ['sends no list', { body: { object: 'list' } }],
  ['sends HTML', { body: '<html>' }],
])('models lists the known models when 0-0 %s', async ([, answer]) => {
  const { app } = await startWith(answer)

  expect(await app.query(IDS)).toEqual({ data: KNOWN })
})

test('models fails with UNAUTHENTICATED for a key that 0-0 refuses', async () => {
  const { app } = await startWith({ status: 401, body: { detail: 'invalid api key' } })

  const { data, errors } = await app.query(IDS)

  expect(data).toBeNull()
  expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
})

test('models lists the known models when 0-0 refuses the key of the service', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => ({ status: 401, body: { detail: 'invalid api key' } })
  const settings = { UPSTREAM_API_KEY: 'sk-held', ALLOW_ANONYMOUS: '1' }
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...settings })

  expect(await app.query(IDS, {}, null)).toEqual({ data: KNOWN })
  expect(app.log).toContainEqual(
    expect.objectContaining({ msg: 'the key of the service is refused' }),
  )
})

test('models of one key are read once, and another key has its own', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ headers }) =>
    listOf(headers.authorization === 'Bearer sk-one' ? 'sora-2' : 'seedance-2-0')
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const [first, second] = await Promise.all([
    app.query(IDS, {}, 'sk-one'),
    app.query(IDS, {}, 'sk-one'),
  ])
  const later = await app.query(IDS, {}, 'sk-one')
  const other = await app.query(IDS, {}, 'sk-two')

  for (const result of [first, second, later]) {
    expect(result).toEqual({ data: { models: [{ id: 'sora-2' }] } })
  }
  expect(other).toEqual({ data: { models: [{ id: 'seedance-2-0' }] } })
  expect(upstream.callsTo('GET /v1/models')).toHaveLength(2)
})

test('a failed read of the models is not cached', async () => {
  const { app, upstream } = await startWith({ status: 404, body: { detail: 'Not Found' } })
  const before = await app.query(IDS)

  upstream.intercept = () => listOf('sora-2')

  expect(before).toEqual({ data: KNOWN })
  expect(await app.query(IDS)).toEqual({ data: { models: [{ id: 'sora-2' }] } })
})

test.for<[what: string, body: unknown, names: string[]]>([
  ['a list', { data: [{ id: 'a' }, { id: 'b', object: 'model' }] }, ['a', 'b']],
  ['a name twice', { data: [{ id: 'a' }, { id: 'a' }] }, ['a']],
  ['entries without a name', { data: [null, 'x', {}, { id: '' }, { id: 7 }, { id: 'a' }] }, ['a']],
  ['an empty list', { data: [] }, []],
])('of %s, the names are read', ([, body, names]) => {
  expect(readModelList(body)).toEqual(names)
})

test.for(['seedance-2-0', 'seedance-2-0-fast'])(
  'the limits of %s in the table are those that the checks apply',
  (model) => {
    const { options } = limitsOfVideoModel(model)
    const issuesWith = (changes: object) =>
      checkVideoTask({ model, prompt: 'p', audio: false, resources: [], ...changes }).length
    const { durations, resolutions = [], ratios = [] } = options ?? {}
    const references = (type: string, count: number) =>
      Array.from({ length: count }, () => ({ type, role: 'REFERENCE', url: 'https://a.example/a' }))

    expect(resolutions.map((resolution) => issuesWith({ resolution }))).toEqual(
      resolutions.map(() => 0),
    )
    expect(ratios.map((ratio) => issuesWith({ ratio }))).toEqual(ratios.map(() => 0))
    const { min = 0, max = 0 } = durations ?? {}
    expect([min - 1, min, max, max + 1].map((duration) => issuesWith({ duration }))).toEqual([
      1, 0, 0, 1,
    ])
    for (const [type, most] of Object.entries(options?.maxReferences ?? {})) {
      if (type === 'AUDIO') continue
      expect(issuesWith({ resources: references(type, most) })).toBe(0)
      expect(issuesWith({ resources: references(type, most + 1) })).toBe(1)
    }
  },
)

function listOf(...names: string[]): Answer {
  return { body: { object: 'list', data: names.map((id) => ({ id, object: 'model' })) } }
}

async function startWith(answer: Answer) {
  const upstream = await scriptUpstream()
  upstream.intercept = () => answer
  return { upstream, app: await startApp({ UPSTREAM_URL: upstream.url }) }
}
