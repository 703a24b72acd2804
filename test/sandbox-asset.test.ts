import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { startSandbox, temporaryFolder } from './support/sandbox.ts'
import { serve } from './support/serve.ts'

test.each([
  ['portrait.png', 'Image'],
  ['landscape.jpg', 'Image'],
  ['product.webp', 'Image'],
  ['clip.mp4', 'Video'],
  ['chime.wav', 'Audio'],
])(
  'the sample %s becomes Active as %s and keeps the fields it was created with',
  async (file, type) => {
    const sandbox = await startSandbox()

    const asset = await sandbox.registerAsset(file, type)

    expect(asset).toEqual({
      asset_id: expect.stringMatching(/^Asset-/),
      name: '',
      group_id: expect.stringMatching(/^group-/),
      asset_type: type,
      status: 'Active',
      url: `${sandbox.url}/samples/${file}`,
      created_at: expect.any(Number),
    })
  },
)

test('an invalid file makes the asset Failed with a specific error code', async () => {
  const sandbox = await startSandbox()
  const picture = sharp({
    create: {
      width: 800,
      height: 800,
      channels: 3,
      background: '#28c',
      noise: { type: 'gaussian', mean: 120, sigma: 40 },
    },
  })
  const jpeg = await picture.jpeg().toBuffer()
  const bomb = await sharp({
    create: { width: 7000, height: 7000, channels: 3, background: '#fff' },
    limitInputPixels: false,
  })
    .png()
    .toBuffer()
  const bodies: Record<string, Buffer | string> = {
    '/text': 'not a picture',
    '/svg': '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="800"/>',
    '/cut.jpg': jpeg.subarray(0, jpeg.length / 2),
    '/bomb.png': bomb,
    '/empty': '',
  }
  const url = await serve((request, response) => {
    const path = request.url ?? ''
    if (path === '/loop') response.writeHead(302, { location: '/loop' }).end()
    else if (path === '/file') response.writeHead(302, { location: 'file:///etc/hosts' }).end()
    else if (path === '/large') response.writeHead(200).end(Buffer.alloc(31 * 1024 * 1024))
    else if (path === '/cut-off') response.write('x', () => response.destroy())
    else if (path in bodies) response.writeHead(200).end(bodies[path])
    else response.writeHead(404).end()
  })
  const codeOf = async (source: string, type?: string) => {
    const asset = await sandbox.registerAsset(source, type)
    return [asset.status, asset.error?.code]
  }

  const codes = await Promise.all([
    codeOf('too-small.png'),
    codeOf('clip.mp4', 'Image'),
    codeOf('portrait.png', 'Video'),
    ...[
      '/missing',
      '/loop',
      '/file',
      '/cut-off',
      '/empty',
      '/large',
      '/text',
      '/svg',
      '/cut.jpg',
      '/bomb.png',
    ].map((path) => codeOf(url + path)),
    codeOf('http://127.0.0.1:1/'),
  ])

  expect(codes).toEqual(
    [
      'WidthTooSmall',
      'TypeMismatch',
      'TypeMismatch',
      'DownloadFailed',
      'DownloadFailed',
      'DownloadFailed',
      'DownloadFailed',
      'DownloadFailed',
      'FileSizeTooLarge',
      'FormatUndetectable',
      'FormatUnsupported',
      'FormatUnsupported',
      'WidthTooLarge',
      'DownloadFailed',
    ].map((code) => ['Failed', code]),
  )
})

test('three redirects are followed, and BMP is detected from its header', async () => {
  const sandbox = await startSandbox()
  const bitmap = Buffer.alloc(60)
  bitmap.write('BM')
  bitmap.writeInt32LE(640, 18)
  bitmap.writeInt32LE(-480, 22)
  const url = await serve((request, response) => {
    const hop = Number(request.url?.slice(1))
    if (hop < 3) response.writeHead(307, { location: `/${hop + 1}` }).end()
    else response.end(bitmap)
  })

  const asset = await sandbox.registerAsset(`${url}/0`)

  expect(asset.status).toBe('Active')
})

test('an asset stays Processing for the configured time', async () => {
  const sandbox = await startSandbox({ assetMinMs: 400, assetMaxMs: 400 })
  const started = performance.now()

  await sandbox.registerAsset('portrait.png')

  expect(performance.now() - started).toBeGreaterThan(390)
})

test('an asset that is Processing before a restart becomes Active after it', async () => {
  const dataDir = temporaryFolder()
  const picture = await sharp({
    create: { width: 400, height: 400, channels: 3, background: '#123' },
  })
    .png()
    .toBuffer()
  const url = await serve((_request, response) => response.end(picture))
  const before = await startSandbox({ assetMinMs: 60_000, assetMaxMs: 60_000 }, dataDir)
  const { body } = await before.call('POST /v1/assets', {
    group_id: await before.createGroup(),
    url,
    asset_type: 'Image',
    name: 'patient',
  })
  await before.close()
  makeDue(dataDir)

  const after = await startSandbox({}, dataDir)
  const asset = await after.poll(
    `/v1/assets/${body.data.asset_id}`,
    ({ data }) => data.status !== 'Processing',
  )

  expect(asset.data).toEqual({ ...body.data, status: 'Active' })
})

test('an unwritable folder fails the asset but not the process', async () => {
  const sandbox = await startSandbox()
  const sources = join(sandbox.dataDir, 'sandbox', 'sources')
  rmSync(sources, { recursive: true })
  writeFileSync(sources, 'in the way')

  const asset = await sandbox.registerAsset('portrait.png')

  expect(asset).toMatchObject({ status: 'Failed', error: { code: 'InternalServiceError' } })
  expect(existsSync(sources)).toBe(true)
})

/** Makes every asset due, as if the minute had passed while the sandbox was stopped. */
function makeDue(dataDir: string): void {
  const database = new DatabaseSync(join(dataDir, 'sandbox', 'sandbox.db'))
  database.exec('UPDATE asset SET settleAt = 0')
  database.close()
}
