import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type Data, startApp } from './support/app.ts'
import { openBrowser } from './support/browser.ts'

const SOON = { timeout: 10_000 }
const AFTER_A_RENDERING = { timeout: 40_000 }
const TAB_NAMES = [
  'CreateGroup',
  'CreateAsset',
  'AssetStatus',
  'CreateVideo',
  'VideoStatus',
  'Lists',
]

test('GraphiQL opens with six example tabs, and requests nothing from another host', async () => {
  const app = await startApp()
  const { context, refused } = await openBrowser()
  const page = await context.newPage()

  await page.goto(`${app.url}/graphql`, { waitUntil: 'networkidle' })

  expect(await page.locator('.graphiql-tab-button').allTextContents()).toEqual(TAB_NAMES)
  expect(refused).toEqual([])
})

test('the tabs work in order, from the creation of a group to a video that plays', async () => {
  const app = await startApp()
  const { context, refused } = await openBrowser()
  const graphiql = await openGraphiQL(await context.newPage(), app.url)

  await graphiql.run('CreateGroup')
  const groupId = await graphiql.shows(/"__typename": "AssetGroup",\s+"id": "(.+?)"/)

  await graphiql.run('CreateAsset', { groupId })
  const assetId = await graphiql.shows(/"__typename": "Asset",\s+"id": "(.+?)"/)

  await graphiql.run('AssetStatus', { ids: [assetId] })
  await graphiql.shows(/"current": "(ACTIVE)"/)
  expect(graphiql.received.at(-1)).toMatchObject({
    assetStatusChanged: { current: 'ACTIVE', asset: { name: 'Front' } },
  })

  await graphiql.run('CreateVideo', { assetId })
  const taskId = await graphiql.shows(/"__typename": "VideoTask",\s+"id": "(.+?)"/)

  await graphiql.run('VideoStatus', { ids: [taskId] })
  const videoUrl = await graphiql.shows(/"current": "SUCCEEDED",.+"url": "(.+?)"/s)
  expect(graphiql.received.at(-1)).toMatchObject({
    videoTaskStatusChanged: {
      current: 'SUCCEEDED',
      videoTask: { video: { url: videoUrl } },
    },
  })

  await graphiql.run('Lists')
  await graphiql.shows(new RegExp(`"assets": .+(${assetId}).+"videoTasks": .+${taskId}`, 's'))

  const clip = await play(await context.newPage(), videoUrl)
  expect(clip).toEqual({ videoWidth: 480, videoHeight: 640, duration: 5 })
  expect(refused).toEqual([])
}, 90_000)

test('GraphiQL keeps the active tab after a reload', async () => {
  const app = await startApp()
  const { context } = await openBrowser()
  const page = await context.newPage()
  const graphiql = await openGraphiQL(page, app.url)
  await graphiql.open('AssetStatus')

  await page.reload()

  await expect.poll(() => activeTab(page).textContent(), SOON).toBe('AssetStatus')
})

test.for([
  ['the search of the URL open as a tab at the first visit', '?', false],
  ['the search of the URL open as a tab at a later visit', '?', true],
  ['the fragment of the URL open as a tab at the first visit', '#', false],
  ['the fragment of the URL open as a tab at a later visit', '#', true],
] as const)('a query and variables in %s', async ([, separator, visited]) => {
  const app = await startApp()
  const { context } = await openBrowser()
  const page = await context.newPage()
  const query = 'query Shared($id: ID!) { assetGroup(id: $id) { id } }'
  const search = new URLSearchParams({ query, variables: '{ "id": "group-1" }' })
  if (visited) await openGraphiQL(page, app.url)

  await page.goto('about:blank')
  await page.goto(`${app.url}/graphql${separator}${search}`, { waitUntil: 'networkidle' })

  await expect.poll(() => activeTab(page).textContent(), SOON).toBe('Shared')
  await expect.poll(() => textIn(page, 'variables'), SOON).toBe('{ "id": "group-1" }')
  await page.locator('.graphiql-execute-button').click()
  await expect.poll(() => textIn(page, 'response'), SOON).toContain('"assetGroup": null')
  expect(await page.locator('.graphiql-tab-button').allTextContents()).toHaveLength(7)
  expect(new URL(page.url()).searchParams.has('variables')).toBe(false)
  expect(new URL(page.url()).hash).toBe('')
})

test('the GraphiQL page is compressed and in no frame, and a matching ETag gives 304', async () => {
  const { url } = await startApp()
  const get = (headers: Record<string, string>) =>
    fetch(`${url}/graphql`, { headers: { accept: 'text/html', ...headers } })

  const first = await get({})
  const page = await first.text()
  const second = await get({
    'if-none-match': first.headers.get('etag') ?? '',
  })

  expect(first.headers.get('content-encoding')).toBe('gzip')
  expect(Number(first.headers.get('content-length'))).toBeLessThan(page.length / 3)
  expect(page).toContain('<title>ZeroGraph</title>')
  expect(first.headers.get('content-security-policy')).toBe("frame-ancestors 'none'")
  expect(second.status).toBe(304)
  expect(await second.text()).toBe('')
})

async function openGraphiQL(page: Page, url: string) {
  const received: Data[] = []
  page.on('websocket', (socket) =>
    socket.on('framereceived', (frame) => {
      const { type, payload } = JSON.parse(String(frame.payload))
      if (type === 'next') received.push(payload.data)
    }),
  )
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.goto(`${url}/graphql`, { waitUntil: 'networkidle' })

  async function open(tab: string) {
    if ((await activeTab(page).textContent()) === tab) return
    await page.locator('.graphiql-tab-button', { hasText: tab }).click()
    await expect.poll(() => activeTab(page).textContent(), SOON).toBe(tab)
    // GraphiQL can run the tab once its query is in the page URL.
    await page.waitForURL((url) => url.searchParams.get('query')?.includes(` ${tab}`) === true)
  }

  /** Pastes the text, because the editor autocompletes typed text. */
  async function fill(variables: Data) {
    await page.getByRole('button', { name: 'Variables', exact: true }).click()
    await expect.poll(() => textIn(page, 'variables'), SOON).toMatch(/^{.+}$/s)
    const given = JSON.parse(await textIn(page, 'variables'))
    const text = JSON.stringify({ ...given, ...variables }, null, 2)
    await page.evaluate((text) => navigator.clipboard.writeText(text), text)
    await page.locator(editor('variables')).click()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.press('ControlOrMeta+v')
    await expect.poll(() => textIn(page, 'variables'), SOON).toBe(text)
  }

  return {
    open,
    /** Every result received over a WebSocket. */
    received,
    /** Opens a tab, merges `variables` into its variables, and runs it. */
    async run(tab: string, variables?: Data) {
      await open(tab)
      if (variables) await fill(variables)
      await page.locator('.graphiql-execute-button').click()
    },
    /** Waits for a result that matches `pattern`. Returns its first capture group. */
    async shows(pattern: RegExp): Promise<string> {
      await expect.poll(() => textIn(page, 'response'), AFTER_A_RENDERING).toMatch(pattern)
      return pattern.exec(await textIn(page, 'response'))?.[1] ?? ''
    },
  }
}

function activeTab(page: Page) {
  return page.locator('.graphiql-tab-active .graphiql-tab-button')
}

type Editor = 'variables' | 'response'

function editor(name: Editor): string {
  return `[data-uri$="${name}.json"]`
}

/** The text of an editor. In the DOM its lines are unordered, and its spaces are non-breaking. */
async function textIn(page: Page, name: Editor): Promise<string> {
  const lines = await page.locator(`${editor(name)} .view-line`).evaluateAll((lines) =>
    lines
      .map((line) => ({
        top: Number.parseFloat(line.style.top),
        text: line.textContent,
      }))
      .sort((one, other) => one.top - other.top)
      .map(({ text }) => text),
  )
  return lines.join('\n').replaceAll('\u00a0', ' ')
}

/** Plays a video for one second and returns its size and duration. */
async function play(page: Page, url: string) {
  await page.setContent(`<video muted src="${url}"></video>`)
  return page.locator('video').evaluate(async (video: HTMLVideoElement) => {
    await video.play()
    while (video.currentTime < 1) await new Promise((resolve) => setTimeout(resolve, 50))
    const { videoWidth, videoHeight, duration } = video
    return { videoWidth, videoHeight, duration }
  })
}
