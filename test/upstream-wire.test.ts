import { describe, expect, test } from 'vitest'
import { ZodError } from 'zod'
import type { CreateVideoTaskRequest, VideoResourceRequest } from '../src/model/requests.ts'
import {
  readAsset,
  readAssetGroup,
  readCreatedVideoTask,
  readTimestamp,
  readVideoTask,
  writeAsset,
  writeAssetGroup,
  writeVideoTask,
} from '../src/upstream/wire.ts'

describe('an asset group', () => {
  test('is parsed from the documented body', () => {
    const group = readAssetGroup(
      {
        group_id: 'group-1',
        name: 'Cast',
        description: 'Faces',
        project_name: 'default',
        status: 'Active',
        created_at: 1714444800,
      },
      'JIMENG',
    )

    expect(group).toEqual({
      platform: 'JIMENG',
      groupId: 'group-1',
      name: 'Cast',
      description: 'Faces',
      projectName: 'default',
      status: 'ACTIVE',
      rawStatus: 'Active',
      createdAt: new Date('2024-04-30T02:40:00Z'),
    })
  })

  test.each([{ id: 'g1' }, { group_id: '', id: 'g1' }, { group_id: null, id: 'g1' }, 'g1'])(
    'given as %j has its id',
    (data) => {
      expect(readAssetGroup(data, 'JIMENG').groupId).toBe('g1')
    },
  )
})

test('the empty name and description of an entity that has none are null', () => {
  const group = readAssetGroup({ id: 'g1', name: '', description: '', project_name: '' }, 'JIMENG')
  const asset = readAsset({ asset_id: 'a', name: '' }, 'JIMENG')

  expect(group).toMatchObject({ name: null, description: null, projectName: null })
  expect(asset.name).toBe(null)
})

test.each([
  ['Active', 'ACTIVE'],
  ['ACTIVE', 'ACTIVE'],
  ['Inactive', 'UNKNOWN'],
  [undefined, 'UNKNOWN'],
])('a group with the status %s is %s', (word, status) => {
  const group = readAssetGroup({ id: 'g1', status: word }, 'JIMENG')

  expect(group).toMatchObject({ status, rawStatus: word ?? null })
})

describe('an asset', () => {
  test('is parsed from the documented body', () => {
    const asset = readAsset(
      {
        asset_id: 'Asset-1',
        name: 'Front',
        group_id: 'group-1',
        asset_type: 'Image',
        status: 'Processing',
        url: 'https://example.com/front.png',
        created_at: 1714444800,
      },
      'BYTEPLUS',
    )

    expect(asset).toEqual({
      platform: 'BYTEPLUS',
      assetId: 'Asset-1',
      groupId: 'group-1',
      name: 'Front',
      type: 'IMAGE',
      status: 'PROCESSING',
      rawStatus: 'Processing',
      url: 'https://example.com/front.png',
      failureReason: null,
      createdAt: new Date('2024-04-30T02:40:00Z'),
    })
  })

  test('with only an id has null for all other fields', () => {
    const asset = readAsset({ id: 'asset-1' }, 'JIMENG')

    expect(asset).toEqual({
      platform: 'JIMENG',
      assetId: 'asset-1',
      groupId: null,
      name: null,
      type: null,
      status: 'UNKNOWN',
      rawStatus: '',
      url: null,
      failureReason: null,
      createdAt: null,
    })
  })

  test.each([
    ['Active', 'ACTIVE'],
    ['ACTIVE', 'ACTIVE'],
    ['failed', 'FAILED'],
    ['Inactive', 'UNKNOWN'],
    ['constructor', 'UNKNOWN'],
  ])('with the status %s is %s and keeps the original value', (word, status) => {
    const asset = readAsset({ id: 'a', status: word }, 'JIMENG')

    expect(asset).toMatchObject({ status, rawStatus: word })
  })

  test.each([
    ['Image', 'IMAGE'],
    ['video', 'VIDEO'],
    ['AUDIO', 'AUDIO'],
    ['Text', null],
  ])('of the type %s is %s', (word, type) => {
    expect(readAsset({ id: 'a', asset_type: word }, 'JIMENG').type).toBe(type)
  })

  test.each([
    ['HTTPS://a.example/x', 'HTTPS://a.example/x'],
    ['httpsx://a.example/x', null],
    ['xhttp://a.example/x', null],
    ['asset://a', null],
    ['', null],
  ])('with the url %j has the URL %j', (url, expected) => {
    expect(readAsset({ id: 'a', url }, 'JIMENG').url).toBe(expected)
  })

  test('with fields of unexpected types is still parsed', () => {
    const asset = readAsset(
      { asset_id: 'a', name: 7, asset_type: [], status: {}, url: 1, created_at: true, more: [1] },
      'JIMENG',
    )

    expect(asset).toMatchObject({ assetId: 'a', name: null, type: null, url: null })
  })

  test.each([
    [{ error: 'DownloadFailed' }, 'DownloadFailed'],
    [{ Error: { Code: 'DownloadFailed', Message: 'gave 404' } }, 'DownloadFailed: gave 404'],
    [{ error: { code: 12, message: 'gave 404' } }, '12: gave 404'],
    [{ error: { message: 'gave 404' } }, 'gave 404'],
    [{ error: { message: { text: 'gave 404' } } }, '{"text":"gave 404"}'],
    [
      { error: { message: { code: 'DownloadFailed', message: 'gave 404' } } },
      'DownloadFailed: gave 404',
    ],
    [
      { error: { message: { Code: 'DownloadFailed', Message: 'gave 404' } } },
      'DownloadFailed: gave 404',
    ],
    [{ error: { code: 12, message: { message: 'gave 404' } } }, '12: gave 404'],
    [{ error: { message: { message: { message: 'x' } } } }, '{"message":"x"}'],
    [{ error: { message: {} } }, null],
    [{ error: { code: 'DownloadFailed' } }, 'DownloadFailed'],
    [{ error: ['gave 404'] }, '["gave 404"]'],
    [{ error: false }, 'false'],
    [{ Error: 'gave 404', fail_reason: 'other' }, 'gave 404'],
    [{ error: { why: 'gave 404' } }, '{"why":"gave 404"}'],
    [{ error: null, fail_reason: 'gave 404' }, 'gave 404'],
    [{ error: {}, failure_reason: 'gave 404' }, 'gave 404'],
    [{ error: { message: null } }, null],
    [{ error: '<html><body>no</body></html>' }, null],
    [{ error: 'key sk-abc123 refused' }, 'key [key] refused'],
    [{}, null],
  ])('with %j has the failure reason %j', (body, reason) => {
    const asset = readAsset({ id: 'a', ...body }, 'JIMENG')

    expect(asset.failureReason).toBe(reason)
  })

  test('with an error nested too deeply to serialise is parsed without a reason', () => {
    const depth = 100_000
    const error = JSON.parse(`${'{"0":'.repeat(depth)}1${'}'.repeat(depth)}`)

    const asset = readAsset({ id: 'a', error }, 'JIMENG')

    expect(asset.failureReason).toBeNull()
  })
})

describe('a video task', () => {
  test('is parsed from the documented body', () => {
    const task = readVideoTask({
      id: 'cgt-1',
      model: 'seedance-2-0',
      provider: 'lingjing',
      status: 'succeeded',
      created_at: 1714444800,
      updated_at: 1714444860,
      video: {
        url: 'https://cdn.example.com/v.mp4',
        duration: 5,
        resolution: '720p',
        ratio: '16:9',
        fps: 24,
      },
      usage: { video_tokens: 108900, completion_tokens: 108900, total_tokens: 108900 },
    })

    expect(task).toEqual({
      taskId: 'cgt-1',
      model: 'seedance-2-0',
      provider: 'lingjing',
      status: 'SUCCEEDED',
      rawStatus: 'succeeded',
      progress: null,
      video: {
        url: 'https://cdn.example.com/v.mp4',
        duration: 5,
        resolution: '720p',
        ratio: '16:9',
        fps: 24,
      },
      usage: { videoTokens: 108900, completionTokens: 108900, totalTokens: 108900 },
      failureReason: null,
      createdAt: new Date('2024-04-30T02:40:00Z'),
      updatedAt: new Date('2024-04-30T02:41:00Z'),
    })
  })

  test.each([
    ['queued', 'QUEUED'],
    ['running', 'RUNNING'],
    ['in_progress', 'RUNNING'],
    ['pending', 'RUNNING'],
    ['waiting', 'RUNNING'],
    ['SUBMITTED', 'RUNNING'],
    ['PROCESSING', 'RUNNING'],
    ['succeeded', 'SUCCEEDED'],
    ['SUCCESS', 'SUCCEEDED'],
    ['completed', 'SUCCEEDED'],
    ['failed', 'FAILED'],
    ['FAIL', 'FAILED'],
    ['timeout', 'FAILED'],
    ['cancelled', 'CANCELLED'],
    ['CANCELED', 'CANCELLED'],
    ['expired', 'EXPIRED'],
    ['meditating', 'UNKNOWN'],
  ])('with the status %s is %s and keeps the original value', (word, status) => {
    const task = readVideoTask({ id: 't', status: word })

    expect(task).toMatchObject({ status, rawStatus: word })
  })

  test.each([
    [{ video: { url: 'https://a.example/v.mp4' } }, 'https://a.example/v.mp4'],
    [{ content: { video_url: 'https://a.example/v.mp4' } }, 'https://a.example/v.mp4'],
    [{ video: {}, content: { video_url: 'http://a.example/v' } }, 'http://a.example/v'],
    [{ video: { url: 'javascript:alert(1)' } }, undefined],
    [{ video: { url: '/v.mp4' } }, undefined],
    [{ video: {} }, undefined],
    [{ video: 'soon', content: [] }, undefined],
  ])('with %j has the video URL %s', (body, url) => {
    const task = readVideoTask({ id: 't', ...body })

    expect(task.video?.url).toBe(url)
  })

  test.each([
    [45, 45],
    ['45', 45],
    ['45%', 45],
    [' 99.5 % ', 99.5],
    [120, 100],
    [-1, 0],
    ['12.75', 12.75],
    ['about 45', null],
    ['45 of 100', null],
    ['almost', null],
    [null, null],
  ])('with progress %j has progress %j', (progress, expected) => {
    expect(readVideoTask({ id: 't', progress }).progress).toBe(expected)
  })

  test('has numbers even when they are sent as strings', () => {
    const task = readVideoTask({
      id: 't',
      video: { url: 'https://a.example/v.mp4', duration: '5', fps: null },
      usage: { total_tokens: '108900' },
    })

    expect(task.video).toMatchObject({ duration: 5, fps: null })
    expect(task.usage).toEqual({ videoTokens: null, completionTokens: null, totalTokens: 108900 })
  })

  test.each([{ usage: {} }, { usage: null }, { usage: { total_tokens: 'many' } }])(
    'with %j has no usage',
    (body) => {
      expect(readVideoTask({ id: 't', ...body }).usage).toBeNull()
    },
  )

  test('created with only an id is QUEUED', () => {
    expect(readCreatedVideoTask({ id: 't' })).toMatchObject({ status: 'QUEUED', rawStatus: null })
  })

  test('created with the status running is RUNNING', () => {
    expect(readCreatedVideoTask({ id: 't', status: 'running' }).status).toBe('RUNNING')
  })

  test('polled without a status is UNKNOWN', () => {
    expect(readVideoTask({ id: 't' }).status).toBe('UNKNOWN')
  })
})

test.each([
  [null],
  [[]],
  ['x'],
  [1],
  [{}],
  [{ id: '' }],
  [{ id: null }],
  [{ id: {} }],
  [{ id: 1e300 }],
])('a task given as %j cannot be parsed', (body) => {
  expect(() => readVideoTask(body)).toThrow(ZodError)
})

test.each([
  [1714444800, '2024-04-30T02:40:00.000Z'],
  ['1714444800', '2024-04-30T02:40:00.000Z'],
  [1714444800000, '2024-04-30T02:40:00.000Z'],
  ['2026-03-18T03:57:10Z', '2026-03-18T03:57:10.000Z'],
  ['2026-03-18T11:57:10+08:00', '2026-03-18T03:57:10.000Z'],
  [99_999_999_999, '5138-11-16T09:46:39.000Z'],
  [1e12, '2001-09-09T01:46:40.000Z'],
  [171444480011, undefined],
  [1e11, undefined],
  [9e15, undefined],
  [0, undefined],
  [-5, undefined],
  ['2026-03-18 03:57:10', undefined],
  ['yesterday', undefined],
  ['', undefined],
  [null, undefined],
])('created_at %j is %s', (value, expected) => {
  expect(readTimestamp(value)?.toISOString()).toBe(expected)
})

describe('a request', () => {
  /** The body as sent, without undefined fields. */
  const sent = (body: object) => JSON.parse(JSON.stringify(body))

  const request: CreateVideoTaskRequest = {
    model: 'seedance-2-0',
    prompt: 'A slow pan',
    audio: false,
    resources: [],
  }

  test('for a group omits fields that were not given', () => {
    expect(sent(writeAssetGroup({ platform: 'JIMENG', name: 'Cast' }))).toEqual({
      platform: 'JIMENG',
      name: 'Cast',
    })
  })

  test('for an asset uses the type names of 0-0', () => {
    const body = writeAsset({
      platform: 'JIMENG',
      groupId: 'group-1',
      url: 'https://example.com/a.mp4',
      type: 'VIDEO',
      name: 'Walk',
    })

    expect(sent(body)).toEqual({
      platform: 'JIMENG',
      group_id: 'group-1',
      url: 'https://example.com/a.mp4',
      asset_type: 'Video',
      name: 'Walk',
    })
  })

  test.each([
    ['IMAGE', 'Image'],
    ['AUDIO', 'Audio'],
  ] as const)('for an asset of type %s sends %s', (type, word) => {
    const body = writeAsset({ platform: 'JIMENG', groupId: 'g', url: 'https://a.example', type })

    expect(sent(body).asset_type).toBe(word)
  })

  test('for a task always contains audio', () => {
    expect(sent(writeVideoTask(request))).toEqual({
      model: 'seedance-2-0',
      prompt: 'A slow pan',
      audio: false,
    })
  })

  test('for a task contains every option', () => {
    const body = writeVideoTask({
      ...request,
      duration: 5,
      resolution: '720p',
      ratio: '16:9',
      audio: true,
      watermark: false,
      seed: -1,
      providerOptions: { lingjing: { seed: 7 } },
    })

    expect(sent(body)).toMatchObject({
      duration: 5,
      resolution: '720p',
      ratio: '16:9',
      audio: true,
      watermark: false,
      seed: -1,
      provider_options: { lingjing: { seed: 7 } },
    })
  })

  test.each<[VideoResourceRequest, object]>([
    [
      { type: 'IMAGE', role: 'FIRST_FRAME', assetId: 'Asset-1', platform: 'JIMENG' },
      { type: 'image', role: 'first_frame', asset_id: 'Asset-1' },
    ],
    [
      { type: 'VIDEO', role: 'REFERENCE', assetId: 'asset-2026', platform: 'JIMENG' },
      { type: 'video', role: 'reference', url: 'asset://asset-2026' },
    ],
    [
      { type: 'IMAGE', role: 'LAST_FRAME', url: 'https://example.com/a.png' },
      { type: 'image', role: 'last_frame', url: 'https://example.com/a.png' },
    ],
  ])('for a task sends the resource %j as %j', (resource, expected) => {
    const body = sent(writeVideoTask({ ...request, resources: [resource] }))

    expect(body.resources).toEqual([expected])
  })
})
