import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type Data, startApp } from './support/app.ts'
import { openBrowser } from './support/browser.ts'

const SOON = { timeout: 10_000 }
const AFTER_A_RENDERING = { timeout: 40_000 }
const STORY = [
  'CreateGroup',
  'RegisterAsset',
  'WatchAsset',
  'CreateVideo',
  'WatchVideo',
  'Everything',
]

test('GraphiQL opens with the story in six tabs and wants nothing from another machine', async () => {
  const app = await startApp()
  const { context, refused } = await openBrowser()
  const page = await context.newPage()

  await page.goto(`${app.url}/graphql`, { waitUntil: 'networkidle' })

  expect(await page.locator('.graphiql-tab-button').allTextContents()).toEqual(STORY)
  expect(refused).toEqual([])
})

test('a reader walks through the tabs, from a group to a clip that plays', async () => {
  const app = await startApp()
  const { context, refused } = await openBrowser()
  const graphiql = await openGraphiQL(await context.newPage(), app.url)

  await graphiql.run('CreateGroup')
  const groupId = await graphiql.shows(/"__typename": "AssetGroup",\s+"id": "(.+?)"/)

  await graphiql.run('RegisterAsset', { groupId })
  const assetId = await graphiql.shows(/"__typename": "Asset",\s+"id": "(.+?)"/)

  await graphiql.run('WatchAsset', { ids: [assetId] })
  await graphiql.shows(/"current": "(ACTIVE)"/)
  expect(graphiql.received.at(-1)).toMatchObject({
    assetStatusChanged: { current: 'ACTIVE', asset: { name: 'Front' } },
  })

  await graphiql.run('CreateVideo', { assetId })
  const taskId = await graphiql.shows(/"__typename": "VideoTask",\s+"id": "(.+?)"/)

  await graphiql.run('WatchVideo', { ids: [taskId] })
  const videoUrl = await graphiql.shows(/"current": "SUCCEEDED",.+"url": "(.+?)"/s)
  expect(graphiql.received.at(-1)).toMatchObject({
    videoTaskStatusChanged: {
      current: 'SUCCEEDED',
      videoTask: { video: { url: videoUrl } },
    },
  })

  await graphiql.run('Everything')
  await graphiql.shows(new RegExp(`"assets": .+(${assetId}).+"videoTasks": .+${taskId}`, 's'))

  const clip = await play(await context.newPage(), videoUrl)
  expect(clip).toEqual({ videoWidth: 480, videoHeight: 640, duration: 5 })
  expect(refused).toEqual([])
}, 90_000)

test('GraphiQL is still there after a reload, with the tab that was open', async () => {
  const app = await startApp()
  const { context } = await openBrowser()
  const page = await context.newPage()
  const graphiql = await openGraphiQL(page, app.url)
  await graphiql.open('WatchAsset')

  await page.reload()

  await expect.poll(() => activeTab(page).textContent(), SOON).toBe('WatchAsset')
})

test('the page is sent compressed, and not again to a browser that has it', async () => {
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
    // It knows what to run once it has put it into its address.
    await page.waitForURL((url) => url.searchParams.get('query')?.includes(` ${tab}`) === true)
  }

  /** Pasted, since what is typed is completed by the editor. */
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
    /** Every result that came over a WebSocket. */
    received,
    /** Opens a tab, changes what is to be changed of its variables, and runs it. */
    async run(tab: string, variables?: Data) {
      await open(tab)
      if (variables) await fill(variables)
      await page.locator('.graphiql-execute-button').click()
    },
    /** Waits for a result of this form; gives what the pattern's parentheses enclose. */
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

/** What one of the editors shows: its lines are in the page in no order, with spaces that do not break. */
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

/** Plays a clip for a second and gives what the browser makes of it. */
async function play(page: Page, url: string) {
  await page.setContent(`<video muted src="${url}"></video>`)
  return page.locator('video').evaluate(async (video: HTMLVideoElement) => {
    await video.play()
    while (video.currentTime < 1) await new Promise((resolve) => setTimeout(resolve, 50))
    const { videoWidth, videoHeight, duration } = video
    return { videoWidth, videoHeight, duration }
  })
}
