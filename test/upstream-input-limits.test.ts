import { describe, expect, test } from 'vitest'
import type { AssetType, ResourceRole } from '../src/model/entities.ts'
import type { InputIssue } from '../src/model/failure.ts'
import type {
  CreateAssetRequest,
  CreateVideoTaskRequest,
  VideoResourceRequest,
} from '../src/model/requests.ts'
import { checkAsset, checkAssetGroup, checkVideoTask } from '../src/upstream/input-limits.ts'
import { estimateVideoTokens } from '../src/upstream/usage.ts'

const pathsOf = (issues: InputIssue[]) => issues.map(({ path }) => path.join('.'))

describe('an asset group', () => {
  test.each([
    [{ name: 'Cast' }, []],
    [{ name: 'x'.repeat(64), description: 'x'.repeat(300) }, []],
    [{ name: '角'.repeat(64) }, []],
    [{ name: '🎬'.repeat(64) }, []],
    [{ name: '' }, ['name']],
    [{ name: ' \t' }, ['name']],
    [{ name: 'x'.repeat(65), description: 'x'.repeat(301) }, ['name', 'description']],
    [{ name: 'Cast', description: '' }, []],
  ])('%j has issues at %j', (input, paths) => {
    expect(pathsOf(checkAssetGroup({ platform: 'JIMENG', ...input }))).toEqual(paths)
  })
})

describe('an asset', () => {
  const asset: CreateAssetRequest = {
    platform: 'JIMENG',
    groupId: 'group-1',
    url: 'https://example.com/a.png',
    type: 'IMAGE',
  }

  test.each([
    [{}, []],
    [{ url: 'http://203.0.113.7:8080/a.png?x=1' }, []],
    [{ url: 'data:image/png;base64,AAAA' }, ['url']],
    [{ url: 'asset://Asset-1' }, ['url']],
    [{ url: 'example.com/a.png' }, ['url']],
    [{ url: 'https://me:secret@example.com/a.png' }, ['url']],
    [{ url: 'https://me@example.com/a.png' }, ['url']],
    [{ url: 'https://:secret@example.com/a.png' }, ['url']],
    [{ url: 'httpsx://example.com/a.png' }, ['url']],
    [{ url: 'xhttp://example.com/a.png' }, ['url']],
    [{ url: 'HTTPS://EXAMPLE.COM/A.PNG' }, []],
    [{ name: '', url: '' }, ['name', 'url']],
    [{ name: 'x'.repeat(65) }, ['name']],
  ])('with %j has issues at %j', (input, paths) => {
    expect(pathsOf(checkAsset({ ...asset, ...input }))).toEqual(paths)
  })
})

describe('a video task', () => {
  const task: CreateVideoTaskRequest = {
    model: 'seedance-2-0',
    prompt: 'A slow pan',
    audio: false,
    resources: [],
  }
  const url = (role: ResourceRole, type: AssetType = 'IMAGE'): VideoResourceRequest => ({
    type,
    role,
    url: 'https://example.com/a',
  })
  const references = (count: number, type: AssetType = 'IMAGE') =>
    Array.from({ length: count }, () => url('REFERENCE', type))

  test.each<[Partial<CreateVideoTaskRequest>, string[]]>([
    [{}, []],
    [{ prompt: ' \n' }, ['prompt']],
    [{ model: '' }, ['model']],
    [{ duration: -1 }, []],
    [{ duration: 4 }, []],
    [{ duration: 15 }, []],
    [{ duration: 3 }, ['duration']],
    [{ duration: 16 }, ['duration']],
    [{ duration: 0 }, ['duration']],
    [{ duration: 4.5 }, ['duration']],
    [{ resolution: '480p' }, []],
    [{ resolution: '720p' }, []],
    [{ resolution: '1080p' }, []],
    [{ resolution: '4k' }, []],
    [{ resolution: '' }, ['resolution']],
    [{ model: 'seedance-2-0-fast', resolution: '480p' }, []],
    [{ model: 'seedance-2-0-fast-2', resolution: '1080p' }, ['resolution']],
    [{ model: 'my-seedance-2-0-fast', resolution: '2k' }, []],
    ...['16:9', '4:3', '1:1', '3:4', '9:16'].map(
      (ratio): [Partial<CreateVideoTaskRequest>, string[]] => [{ ratio }, []],
    ),
    [{ seed: 1.5 }, ['seed']],
    [{ model: 'sora-2', duration: 3_600 }, []],
    [{ model: 'sora-2', duration: 3_601 }, ['duration']],
    [{ model: 'sora-2', duration: 1 }, []],
    [{ model: 'sora-2', duration: 1.5 }, ['duration']],
    [{ resolution: '2k' }, ['resolution']],
    [{ model: 'seedance-2-0-fast', resolution: '720p' }, []],
    [{ model: 'seedance-2-0-fast', resolution: '1080p' }, ['resolution']],
    [{ model: 'seedance-2-0-fast', resolution: '4k' }, ['resolution']],
    [{ ratio: 'adaptive' }, []],
    [{ ratio: '21:9' }, []],
    [{ ratio: '2:1' }, ['ratio']],
    [{ seed: -1 }, []],
    [{ seed: 4294967295 }, []],
    [{ seed: 4294967296 }, ['seed']],
    [{ seed: -2 }, ['seed']],
    // Other models have limits that are not documented.
    [{ model: 'sora-2', duration: 20, resolution: '2k', ratio: '2:1', seed: -2 }, []],
    [{ model: 'sora-2', duration: 0 }, ['duration']],
    [{ model: 'sora-2', prompt: '' }, ['prompt']],
    [{ model: 'sora-2', duration: -1 }, []],
  ])('with the options %j has issues at %j', (options, paths) => {
    expect(pathsOf(checkVideoTask({ ...task, ...options }))).toEqual(paths)
  })

  test.each<[string, VideoResourceRequest[], string[]]>([
    ['a first frame', [url('FIRST_FRAME')], []],
    ['a first and a last frame', [url('FIRST_FRAME'), url('LAST_FRAME')], []],
    ['a last and a first frame', [url('LAST_FRAME'), url('FIRST_FRAME')], []],
    ['only a last frame', [url('LAST_FRAME')], ['resources.0.role']],
    ['two first frames', [url('FIRST_FRAME'), url('FIRST_FRAME')], ['resources.1.role']],
    [
      'two last frames',
      [url('FIRST_FRAME'), url('LAST_FRAME'), url('LAST_FRAME')],
      ['resources.2.role'],
    ],
    ['a video as frame', [url('FIRST_FRAME', 'VIDEO')], ['resources.0.type']],
    ['a frame and a reference', [url('FIRST_FRAME'), url('REFERENCE')], ['resources.1.role']],
    ['12 references', [...references(9), ...references(3, 'VIDEO')], []],
    [
      '13 references',
      [...references(9), ...references(3, 'VIDEO'), ...references(1, 'AUDIO')],
      ['resources'],
    ],
    ['10 images', references(10), ['resources']],
    ['4 videos', references(4, 'VIDEO'), ['resources']],
    ['4 sounds', [...references(1), ...references(4, 'AUDIO')], ['resources']],
    ['a sound alone', references(1, 'AUDIO'), ['resources']],
    ['a sound and an image', [...references(1, 'AUDIO'), ...references(1)], []],
  ])('with %s has issues at %j', (_what, resources, paths) => {
    expect(pathsOf(checkVideoTask({ ...task, resources }))).toEqual(paths)
  })

  test.each(['seedance-2-0', 'sora-2'])('for %s requires http or https URLs', (model) => {
    const resources: VideoResourceRequest[] = [
      { type: 'IMAGE', role: 'REFERENCE', url: 'https://example.com/a.png' },
      { type: 'IMAGE', role: 'REFERENCE', url: 'file:///etc/passwd' },
    ]

    expect(pathsOf(checkVideoTask({ ...task, model, resources }))).toEqual(['resources.1.url'])
  })

  test.each([
    ['seedance-2-0', []],
    ['seedance-2-0-fast', []],
    ['sora-2', ['resources.0.assetId']],
  ])('for %s with an asset has issues at %j', (model, paths) => {
    const resources: VideoResourceRequest[] = [
      { type: 'IMAGE', role: 'REFERENCE', assetId: 'Asset-1', platform: 'JIMENG' },
    ]

    expect(pathsOf(checkVideoTask({ ...task, model, resources }))).toEqual(paths)
  })

  test('with several issues gets all of them at once', () => {
    const issues = checkVideoTask({
      ...task,
      prompt: '',
      duration: 99,
      ratio: 'wide',
      resources: [url('LAST_FRAME', 'AUDIO')],
    })

    expect(issues).toEqual([
      { path: ['prompt'], message: 'The prompt is blank.' },
      {
        path: ['duration'],
        message: 'The duration is neither -1 nor a whole number from 4 to 15.',
      },
      {
        path: ['ratio'],
        message: 'The ratios are 16:9, 4:3, 1:1, 3:4, 9:16, 21:9, adaptive.',
      },
      { path: ['resources', '0', 'type'], message: 'A frame must be an IMAGE.' },
      { path: ['resources', '0', 'role'], message: 'A LAST_FRAME needs a FIRST_FRAME.' },
      { path: ['resources'], message: 'AUDIO cannot be the only kind of reference.' },
    ])
  })
})

test('each issue has a message of one sentence', () => {
  const task = { model: 'seedance-2-0', prompt: 'x', audio: false, resources: [] }
  const file = (role: ResourceRole, type: AssetType): VideoResourceRequest => ({
    role,
    type,
    url: 'https://example.com/a',
  })
  const references = (count: number, type: AssetType) =>
    Array.from({ length: count }, () => file('REFERENCE', type))
  const asset: VideoResourceRequest = {
    role: 'REFERENCE',
    type: 'IMAGE',
    assetId: 'Asset-1',
    platform: 'JIMENG',
  }
  const issues = [
    ...checkAssetGroup({ platform: 'JIMENG', name: ' ', description: 'x'.repeat(301) }),
    ...checkAsset({
      platform: 'JIMENG',
      groupId: 'group-1',
      type: 'IMAGE',
      name: 'x'.repeat(65),
      url: 'ftp://example.com',
    }),
    ...checkAsset({
      platform: 'JIMENG',
      groupId: 'g',
      type: 'IMAGE',
      url: 'http://a:b@example.com',
    }),
    ...checkVideoTask({ ...task, model: ' ', duration: 0 }),
    ...checkVideoTask({ ...task, model: 'sora-2', resources: [asset] }),
    ...checkVideoTask({ ...task, resolution: '2k', seed: -2 }),
    ...checkVideoTask({ ...task, model: 'seedance-2-0-fast', resolution: '4k' }),
    ...checkVideoTask({
      ...task,
      resources: [
        file('FIRST_FRAME', 'IMAGE'),
        file('FIRST_FRAME', 'IMAGE'),
        file('REFERENCE', 'IMAGE'),
      ],
    }),
    ...checkVideoTask({
      ...task,
      resources: [...references(9, 'IMAGE'), ...references(3, 'VIDEO'), ...references(4, 'AUDIO')],
    }),
  ]

  expect(issues.map(({ message }) => message)).toEqual([
    'The name is blank.',
    'The description is longer than 300 characters.',
    'The name is longer than 64 characters.',
    'This is not an http or https URL.',
    'A URL must not contain a user name or a password.',
    'The model is blank.',
    'The duration is neither -1 nor a whole number from 1 to 3600.',
    'sora-2 takes no assets.',
    'seedance-2-0 has the resolutions 480p, 720p, 1080p, 4k.',
    'The seed is not a whole number from -1 to 4294967295.',
    'seedance-2-0-fast has the resolutions 480p, 720p.',
    'There can be only one FIRST_FRAME.',
    'A REFERENCE cannot go with frames.',
    'There can be at most 3 AUDIO references.',
    'There can be at most 12 references.',
  ])
})

test('frames do not count as references', () => {
  const frame: VideoResourceRequest = {
    role: 'FIRST_FRAME',
    type: 'IMAGE',
    url: 'https://a.example',
  }
  const resources = Array.from({ length: 13 }, () => frame)

  const issues = checkVideoTask({ model: 'seedance-2-0', prompt: 'x', audio: false, resources })

  expect(issues.map(({ message }) => message)).toEqual(
    Array(12).fill('There can be only one FIRST_FRAME.'),
  )
})

test.each([
  ['480p', 4, 38720],
  ['480p', 15, 145200],
  ['720p', 4, 87120],
  ['720p', 5, 108900],
  ['720p', 10, 217800],
  ['1080p', 5, 245025],
  ['1080p', 15, 735075],
  ['720', 5, 108900],
  ['1080P', 5, 245025],
  ['x1080p', 5, 108900],
  ['480', 4, 38720],
  ['480px', 5, 108900],
  ['9999999p', 5, 2147483647],
  ['4k', 5, 108900],
  [undefined, undefined, 108900],
  ['720p', -1, 108900],
  ['720p', 0, 108900],
  ['1p', 1, 1],
])('a video of %s and %s s is estimated at %i tokens', (resolution, duration, tokens) => {
  expect(estimateVideoTokens({ resolution, duration })).toBe(tokens)
})
