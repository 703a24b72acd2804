// `npm run pictures`: starts the service with a sandbox, makes groups and videos, and takes the pictures of the board
// in docs/. It takes about a minute.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import sharp from 'sharp'
import { isElsewhere, launchChromium, unpackChromium } from '../../test/support/chromium.ts'

const WIDE = { viewport: { width: 1280, height: 800 } }
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true }
const PICTURES: Record<string, BrowserContextOptions> = {
  'board-light': { ...WIDE, colorScheme: 'light' },
  'board-dark': { ...WIDE, colorScheme: 'dark' },
  'board-phone-light': { ...PHONE, colorScheme: 'light' },
  'board-phone-dark': { ...PHONE, colorScheme: 'dark' },
}
const POLLS = { ASSET_POLL_MIN_MS: '200', TASK_POLL_MIN_MS: '200', TASK_POLL_MAX_MS: '500' }
const KEY = 'sk-sandbox'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dataDir = mkdtempSync(join(tmpdir(), 'zerograph-pictures-'))
const chromium = await unpackChromium()
const service = spawn(process.execPath, ['src/main.ts'], {
  cwd: root,
  env: { PATH: process.env.PATH, PORT: '0', SANDBOX_PORT: '0', DATA_DIR: dataDir, ...POLLS },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const { board, upstream } = await readyService()
  await makeContents(`${board}graphql`, upstream)
  const browser = await launchChromium(async () => chromium)
  for (const [name, options] of Object.entries(PICTURES)) {
    const path = join(root, 'docs', `${name}.png`)
    // A palette makes the file a third as large.
    const png = sharp(await takePicture(browser, board, options)).png({ palette: true, effort: 10 })
    console.log(`docs/${name}.png`, (await png.toFile(path)).size)
  }
  await browser.close()
} finally {
  service.kill()
  rmSync(chromium, { recursive: true, force: true })
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 })
}

/** Waits until the service is ready. Returns the URLs of the board and of the sandbox. */
async function readyService(): Promise<{ board: string; upstream: string }> {
  for await (const line of createInterface({ input: service.stdout })) {
    const entry = JSON.parse(line)
    if (entry.board) return entry
  }
  throw new Error('The service ended before it was ready.')
}

/** Makes two groups with assets and six videos: done, failed, and one that does not end. */
async function makeContents(endpoint: string, sandbox: string): Promise<void> {
  const heroine = await makeGroup(endpoint, 'Heroine')
  const streets = await makeGroup(endpoint, 'Streets')
  const sample = (file: string) => `${sandbox}/samples/${file}`
  const assets = {
    portrait: await makeAsset(endpoint, heroine, 'Front', sample('portrait.png')),
    product: await makeAsset(endpoint, heroine, 'Her perfume', sample('product.webp')),
    small: await makeAsset(endpoint, heroine, 'Profile', sample('too-small.png')),
    landscape: await makeAsset(endpoint, streets, 'Hills at dusk', sample('landscape.jpg')),
  }
  const make = async (prompt: string, asset: string, ratio: string, fault?: object) => {
    await setFaults(sandbox, fault ? [{ route: 'createVideoTask', ...fault }] : [])
    return makeVideo(endpoint, prompt, asset, ratio)
  }
  const done = [
    await make('The bottle turns slowly on a table', assets.product, '1:1'),
    await make('Clouds drift over the hills', assets.landscape, '16:9'),
    await make('She looks up from her book', assets.portrait, '3:4'),
    await make('A slow push in on the valley', assets.landscape, '16:9'),
    await make('She crosses the street in the rain', assets.portrait, '16:9', {
      taskOutcome: 'failed',
    }),
    await make('She turns to the camera and smiles', assets.portrait, '16:9'),
  ]
  for (const id of done) await ended(endpoint, id)
  await make('The sun sets behind the hills', assets.landscape, '16:9', { taskOutcome: 'running' })
}

/** Opens the board and one video. Returns a picture of the page. */
async function takePicture(browser: Browser, board: string, options: BrowserContextOptions) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  await context.route(isElsewhere, (route) => route.abort())
  const page = await context.newPage()
  await page.goto(board)
  await page.getByRole('button', { name: 'Open the board' }).click()
  await page.getByText('The sun sets behind the hills').first().waitFor()
  if (options.viewport?.width === WIDE.viewport.width) {
    await page.getByRole('button', { name: /She turns to the camera/ }).click()
    await page.getByLabel('The finished video').evaluate(async (video: HTMLVideoElement) => {
      video.muted = true
      await video.play()
      while (video.currentTime < 1) await new Promise((resolve) => setTimeout(resolve, 50))
      video.pause()
    })
    // The controls stay while the mouse is over the video.
    await page.getByLabel('The finished video').hover()
  }
  await page.waitForLoadState('networkidle')
  const picture = await page.screenshot()
  await context.close()
  return picture
}

async function makeGroup(endpoint: string, name: string): Promise<string> {
  const query = `mutation ($name: String!) {
    createAssetGroup(input: { name: $name }) { ... on AssetGroup { id } }
  }`
  return (await ask(endpoint, query, { name })).createAssetGroup.id
}

/** Registers a file and waits until it is ACTIVE or FAILED. */
async function makeAsset(endpoint: string, groupId: string, name: string, url: string) {
  const query = `mutation ($input: CreateAssetInput!) {
    createAsset(input: $input) { ... on Asset { id } }
  }`
  const { id } = (await ask(endpoint, query, { input: { groupId, name, url } })).createAsset
  await ended(endpoint, id)
  return id
}

async function makeVideo(endpoint: string, prompt: string, assetId: string, ratio: string) {
  const query = `mutation ($input: CreateVideoTaskInput!) {
    createVideoTask(input: $input) { ... on VideoTask { id } }
  }`
  const resources = [{ role: 'FIRST_FRAME', assetId }]
  const input = { prompt, duration: 5, ratio, resolution: '480p', resources }
  return (await ask(endpoint, query, { input })).createVideoTask.id
}

/** Waits until an asset or a video has a terminal status. */
async function ended(endpoint: string, id: string): Promise<void> {
  const query = `query ($id: ID!) {
    node(id: $id) { ... on Asset { assetStatus: status } ... on VideoTask { taskStatus: status } }
  }`
  for (;;) {
    const { assetStatus, taskStatus } = (await ask(endpoint, query, { id })).node
    if (['ACTIVE', 'SUCCEEDED', 'FAILED'].includes(assetStatus ?? taskStatus)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of each result is that of its query
async function ask(endpoint: string, query: string, variables: object): Promise<any> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown }
  if (errors) throw new Error(JSON.stringify(errors))
  return data
}

async function setFaults(sandbox: string, faults: object[]): Promise<void> {
  await fetch(`${sandbox}/admin/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  })
}
