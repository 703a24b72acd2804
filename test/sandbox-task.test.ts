import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALL_FORMATS, BufferSource, Input } from 'mediabunny'
import { expect, test } from 'vitest'
import { frameSize } from '../src/sandbox/geometry.ts'
import { estimateTokens, normalizeResources } from '../src/sandbox/task-input.ts'
import { type Json, startSandbox, temporaryFolder } from './support/sandbox.ts'

const TASK = { model: 'seedance-2-0', prompt: 'a cat', duration: 4, resolution: '480p' }
const ENDED = (body: Json) => !['queued', 'running'].includes(body.status)

test('a task produces a clip of the requested size and length, with moov before mdat', async () => {
  const sandbox = await startSandbox()
  const first = await sandbox.registerAsset('portrait.png')
  const last = await sandbox.registerAsset('product.webp')

  const created = await sandbox.call('POST /v1/video/tasks', {
    ...TASK,
    ratio: '1:1',
    audio: false,
    seed: 1,
    watermark: true,
    resources: [
      { type: 'image', role: 'first_frame', asset_id: first.asset_id },
      { type: 'image', role: 'last_frame', url: `asset://${last.asset_id}` },
    ],
  })
  const task = await sandbox.poll(`/v1/video/tasks/${created.body.id}`, ENDED)
  const clip = await (await fetch(task.video.url)).arrayBuffer()
  const inspected = await sandbox.call(`GET /admin/tasks/${created.body.id}`)

  expect(created.body).toMatchObject({ provider: 'lingjing', status: 'queued' })
  expect(task).toEqual({
    id: created.body.id,
    model: 'seedance-2-0',
    provider: 'lingjing',
    status: 'succeeded',
    video: { url: `${sandbox.url}/media/${created.body.id}.mp4` },
    usage: { video_tokens: 38720, completion_tokens: 38720, total_tokens: 38720 },
  })
  expect(await measure(clip)).toEqual({
    width: 480,
    height: 480,
    durationS: 4,
    fps: 24,
    codec: 'avc',
  })
  expect(Buffer.from(clip).indexOf('moov')).toBeLessThan(Buffer.from(clip).indexOf('mdat'))
  expect(inspected.body.input).toEqual({
    prompt: 'a cat',
    duration: 4,
    quality: '480',
    ratio: '1:1',
    needAudio: false,
    resources: [
      { type: 'image', role: 'first_frame', source: { kind: 'asset', value: first.asset_id } },
      { type: 'image', role: 'last_frame', source: { kind: 'asset', value: last.asset_id } },
    ],
  })
})

test('the adaptive ratio follows the first image, also an image given by URL', async () => {
  const sandbox = await startSandbox()

  const { body } = await sandbox.call('POST /v1/video/tasks', {
    ...TASK,
    ratio: 'adaptive',
    resources: [{ type: 'image', role: 'reference', url: `${sandbox.url}/samples/portrait.png` }],
  })
  const task = await sandbox.poll(`/v1/video/tasks/${body.id}`, ENDED)

  const clip = await (await fetch(task.video.url)).arrayBuffer()
  expect(await measure(clip)).toMatchObject({ width: 480, height: 640 })
})

test('a clip is served in byte ranges', async () => {
  const sandbox = await startSandbox()
  const url = `${sandbox.url}/samples/clip.mp4`
  const whole = await fetch(url)
  const bytes = Buffer.from(await whole.arrayBuffer())
  const ask = async (range: string, method = 'GET') => {
    const response = await fetch(url, { method, headers: { range } })
    const body = Buffer.from(await response.arrayBuffer())
    return { status: response.status, contentRange: response.headers.get('content-range'), body }
  }

  const [inner, rest, tail, beyond] = await Promise.all(
    ['bytes=10-19', 'bytes=100-', 'bytes=-5', `bytes=${bytes.length}-`].map((range) => ask(range)),
  )
  const head = await fetch(url, { method: 'HEAD' })
  const etag = whole.headers.get('etag') ?? ''
  const unchanged = await fetch(url, { headers: { 'if-none-match': etag } })

  const size = bytes.length
  expect(whole.headers.get('accept-ranges')).toBe('bytes')
  expect(whole.headers.get('content-type')).toBe('video/mp4')
  expect(inner).toEqual({
    status: 206,
    contentRange: `bytes 10-19/${size}`,
    body: bytes.subarray(10, 20),
  })
  expect(rest).toMatchObject({ status: 206, contentRange: `bytes 100-${size - 1}/${size}` })
  expect(tail).toMatchObject({ status: 206, body: bytes.subarray(-5) })
  expect(beyond).toMatchObject({ status: 416, contentRange: `bytes */${size}` })
  expect(head.headers.get('content-length')).toBe(String(size))
  expect(head.headers.get('etag')).toBe(etag)
  expect(unchanged.status).toBe(304)
})

test('an unknown, inactive or mistyped asset fails the task', async () => {
  const sandbox = await startSandbox()
  const failed = await sandbox.registerAsset('too-small.png')
  const video = await sandbox.registerAsset('clip.mp4', 'Video')
  const run = async (assetId: string) => {
    const { body } = await sandbox.call('POST /v1/video/tasks', {
      ...TASK,
      resources: [{ type: 'image', role: 'reference', asset_id: assetId }],
    })
    return sandbox.poll(`/v1/video/tasks/${body.id}`, ENDED)
  }

  const tasks = await Promise.all([
    run('Asset-0000000000000000'),
    run(failed.asset_id),
    run(video.asset_id),
    run('asset-lower-case-is-a-url'),
  ])

  expect(tasks.map(({ status, error }) => [status, error.message])).toEqual([
    ['failed', expect.stringContaining('NotFound.asset_id')],
    ['failed', expect.stringContaining('is Failed, not Active')],
    ['failed', expect.stringContaining('is Video, used as image')],
    ['failed', expect.stringContaining('DownloadFailed')],
  ])
})

test('a queued or running task ends after a restart', async () => {
  const dataDir = temporaryFolder()
  const before = await startSandbox({ taskRunningMs: 60_000 }, dataDir)
  const running = await before.call('POST /v1/video/tasks', TASK)
  await before.poll(`/v1/video/tasks/${running.body.id}`, ({ status }) => status === 'running')
  await before.fault({ taskOutcome: 'failed', times: 1 })
  const failing = await before.call('POST /v1/video/tasks', TASK)
  await before.close()

  const after = await startSandbox({}, dataDir)
  const clip = await after.poll(`/v1/video/tasks/${running.body.id}`, ENDED)
  const failed = await after.poll(`/v1/video/tasks/${failing.body.id}`, ENDED)

  expect(clip).toMatchObject({
    status: 'succeeded',
    video: { url: expect.stringContaining(after.url) },
  })
  expect(failed).toMatchObject({ status: 'failed', error: { message: expect.any(String) } })
})

test('an unwritable folder fails the task but not later tasks', async () => {
  const sandbox = await startSandbox()
  const media = join(sandbox.dataDir, 'sandbox', 'media')
  rmSync(media, { recursive: true })
  writeFileSync(media, 'in the way')
  const run = async () => {
    const { body } = await sandbox.call('POST /v1/video/tasks', TASK)
    return sandbox.poll(`/v1/video/tasks/${body.id}`, ENDED)
  }

  const failed = await run()
  rmSync(media)
  mkdirSync(media)
  const succeeded = await run()

  expect(failed).toMatchObject({
    status: 'failed',
    error: { message: expect.stringMatching(/ENOTDIR/) },
  })
  expect(succeeded.status).toBe('succeeded')
})

test.each([
  [[{ url: 'http://a/', asset_id: 'Asset-1' }], [['image', 'first_frame', 'url', 'http://a/']]],
  [[{ asset_id: 'Asset-1' }], [['image', 'first_frame', 'asset', 'Asset-1']]],
  [[{ asset_id: 'asset-1' }], [['image', 'first_frame', 'url', 'asset-1']]],
  [[{ url: 'asset://asset-1', role: 'reference' }], [['image', 'reference', 'asset', 'asset-1']]],
  [[{ type: 'video', value: 'http://v/' }], [['video', 'reference', 'url', 'http://v/']]],
  [[{ role: 'reference', usage: 'last_frame', url: 'u' }], [['image', 'last_frame', 'url', 'u']]],
  [[{ role: 'reference_image', url: 'u' }], [['image', 'reference', 'url', 'u']]],
  [
    [
      { type: 'text', url: 'u' },
      { role: 'odd', url: 'w' },
    ],
    [['image', 'reference', 'url', 'w']],
  ],
  [[{ source: { kind: 'asset', value: 'a1' } }], [['image', 'first_frame', 'asset', 'a1']]],
  [[{ role: 'reference' }], [['image', 'reference', 'url', '']]],
])('resources %j are parsed as %j', (entries, expected) => {
  const resources = normalizeResources(entries, 'python')

  expect(
    resources.map(({ type, role, source }) => [type, role, source.kind, source.value]),
  ).toEqual(expected)
})

test('an entry without a source is dropped by the Rust gateway', () => {
  expect(normalizeResources([{ role: 'reference' }], 'rust')).toEqual([])
})

test.each([
  ['480', '16:9', 854, 480],
  ['720', '16:9', 1280, 720],
  ['720', '9:16', 720, 1280],
  ['720', '21:9', 1680, 720],
  ['1080', '4:3', 1440, 1080],
  ['480', '3:4', 480, 640],
  ['720', 'adaptive', 1280, 720],
])('the frame size of %sp at %s is %i x %i', (quality, ratio, width, height) => {
  expect(frameSize(quality, ratio, null)).toEqual({ width, height })
})

test.each([
  [4, '480', 38720],
  [5, '720', 108900],
  [-1, '720', 108900],
  [10, '720', 217800],
  [15, '1080', 735075],
  [5, '4k', 108900],
])('%i s at %s cost %i tokens', (duration, quality, tokens) => {
  expect(estimateTokens({ duration, quality }).total_tokens).toBe(tokens)
})

async function measure(clip: ArrayBuffer) {
  const input = new Input({ source: new BufferSource(clip), formats: ALL_FORMATS })
  const track = await input.getPrimaryVideoTrack()
  if (!track) throw new Error('no video')
  const { averagePacketRate } = await track.computePacketStats()
  return {
    width: track.displayWidth,
    height: track.displayHeight,
    durationS: await input.computeDuration(),
    fps: averagePacketRate,
    codec: track.codec,
  }
}
