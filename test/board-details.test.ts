import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { startApp, type TestApp } from './support/app.ts'
import {
  AFTER_A_RENDERING,
  enter,
  expectAccessible,
  fillPrompt,
  makeVideo,
  openBoard,
  overflowOf,
  QUICK_SANDBOX,
  SOON,
  shows,
  tile,
} from './support/board.ts'
import { openBrowser } from './support/browser.ts'

test('the focus stays in the slot that is filled and cleared, and returns from the form of an asset', async () => {
  const app = await startApp()
  const { page } = await openBoard(app)
  await enter(page)
  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'portrait').getByText('Active').waitFor(SOON)

  await page.getByRole('button', { name: 'Choose: First frame' }).press('Enter')
  await page.getByRole('dialog').getByRole('button', { name: 'portrait' }).press('Enter')
  await expect.poll(() => focusedLabel(page)).toBe('Remove: First frame')
  await page.keyboard.press('Enter')
  await expect.poll(() => focusedLabel(page)).toBe('Choose: First frame')

  await page.getByRole('button', { name: 'Add an asset' }).press('Enter')
  expect(await focusedLabel(page)).toBe('URL of a file')
  await page.keyboard.press('Escape')
  expect(await focusedLabel(page)).toBe('Add an asset')
}, 60_000)

test('the board survives a URL with a % that encodes nothing', async () => {
  const app = await startApp()
  const { page } = await openBoard(app)
  await enter(page)

  await page.getByRole('button', { name: 'Add an asset' }).click()
  await page.getByLabel('URL of a file').fill('http://127.0.0.1/100%.png')

  expect(await page.getByRole('button', { name: 'Register', exact: true }).isEnabled()).toBe(true)
})

test('a changed task of an older page stays out of the first page, and a new one is its first', async () => {
  const app = await startApp()
  await putFault(app, { assetOutcome: 'Processing' })
  const url = `${app.sandboxUrl}/samples/portrait.png`
  const oldest = await app.query(CREATE_WAITING, { url }, SANDBOX_KEY)
  const make = (prompt: string) => app.query(CREATE, { prompt }, SANDBOX_KEY)
  for (let index = 1; index < 26; index += 1) await make(`Number ${index}.`)
  const { page } = await openBoard(app)
  const prompts = page.locator('.card-prompt')
  await enter(page)
  await shows(page, 'Number 25.')

  // The second change arrives after the first one.
  await app.query(CANCEL, { id: oldest.data?.createVideoFromUrls.id }, SANDBOX_KEY)
  await make('The newest')
  await shows(page, 'The newest')

  expect(await prompts.first().textContent()).toBe('The newest')
  expect(await prompts.allTextContents()).not.toContain('The oldest')
  await page.getByRole('button', { name: 'Show older videos' }).click()
  await shows(page, 'The oldest')
  expect(await prompts.last().textContent()).toBe('The oldest')
}, 60_000)

test.for([900, 1199])('at %i px the panel of a task covers nothing of the form', async (width) => {
  const { page } = await openBoard(await startApp(), { viewport: { width, height: 800 } })
  await enter(page)
  await fillPrompt(page, 'A lighthouse at night')
  await page.getByRole('button', { name: 'Make the video' }).click()
  await page.getByRole('dialog', { name: 'Task' }).waitFor(SOON)

  for (const part of [
    page.getByRole('button', { name: 'Make the video' }),
    page.locator('.make-note'),
    page.getByLabel('Prompt'),
  ]) {
    await part.scrollIntoViewIfNeeded()
    expect(await part.evaluate(isUncovered)).toBe(true)
  }
  await shows(page.locator('.make-note'), 'Accepted')
  expect(await overflowOf(page)).toBeLessThanOrEqual(0)
  await expectAccessible(page)
})

test('an error of the page becomes a message, and "Reload" starts the page again', async () => {
  const app = await startApp()
  const { context } = await openBrowser()
  const page = await context.newPage()
  // React cannot render an object.
  const settings = { credential: 'key', sandbox: null, graphiql: true, version: {} }
  await context.route('**/board.json', (route) => route.fulfill({ json: settings }), { times: 1 })
  await page.goto(app.url)

  await shows(page, 'The board cannot go on')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Reload' }).click()

  await enter(page)
})

test('while tasks change, the sums are read at most every 2 s, and also after the last change', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  const { page } = await openBoard(app)
  await enter(page)
  await shows(page, 'live')
  await page.waitForLoadState('networkidle')
  const reads: number[] = []
  page.on('request', (request) => {
    if (request.postData()?.includes('query Usage')) reads.push(Date.now())
  })

  for (const prompt of ['First', 'Second', 'Third']) await makeVideo(app, prompt)
  await page.locator('.card-foot').getByText('Done').nth(2).waitFor(AFTER_A_RENDERING)
  await shows(page.locator('.usage'), '0 tasks running')

  const gaps = reads.slice(1).map((time, index) => time - (reads[index] ?? 0))
  expect(reads.length).toBeGreaterThanOrEqual(2)
  expect(Math.min(...gaps)).toBeGreaterThan(1_800)
}, 60_000)

test('the estimate of a task that waits begins when its assets are ready', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  const { page } = await openBoard(app)
  await enter(page)
  // As many as an estimate needs.
  for (const prompt of ['First', 'Second', 'Third']) await makeVideo(app, prompt)
  await page.locator('.card-foot').getByText('Done').nth(2).waitFor(AFTER_A_RENDERING)

  await putFault(app, { assetOutcome: 'Processing' })
  const url = `${app.sandboxUrl}/samples/portrait.png`
  await app.query(CREATE_WAITING, { url }, SANDBOX_KEY)
  await page.locator('.video-card', { hasText: 'The oldest' }).click()
  await shows(page.getByRole('dialog'), /^About .+ after its assets are ready\.$/)
}, 60_000)

test('a list that cannot be read after a change of the filter says so, and is read again', async () => {
  const app = await startApp()
  await makeVideo(app, 'A lighthouse')
  const { page } = await openBoard(app)
  await enter(page)
  await shows(page, 'A lighthouse')
  const videos = page.getByRole('region', { name: 'Videos' })
  const isList = (body: string | null) => body?.includes('query VideoTasks') ?? false
  await page.route('**/graphql', (route, request) =>
    isList(request.postData()) ? route.fulfill({ status: 503 }) : route.fallback(),
  )

  await videos.getByRole('button', { name: 'Failed' }).click()
  await shows(videos, 'The videos cannot be read now.')
  await shows(videos, /The list below is the one from before/)
  await expectAccessible(page)
  await page.unroute('**/graphql')
  await videos.getByRole('button', { name: 'Try again' }).click()

  await shows(videos, 'No video matches.')
  expect(await videos.getByText('cannot be read').count()).toBe(0)
})

const SANDBOX_KEY = 'sk-sandbox'
const CREATE = `mutation ($prompt: String!) {
  createVideoTask(input: { prompt: $prompt }) { __typename }
}`
const CREATE_WAITING = `mutation ($url: URL!) {
  createVideoFromUrls(input: {
    prompt: "The oldest", platform: JIMENG, duration: 4, resolution: "480p", files: [{ role: FIRST_FRAME, url: $url }]
  }) { ... on VideoTask { id } }
}`
const CANCEL = `mutation ($id: ID!) {
  cancelVideoTask(id: $id) { ... on VideoTask { status } }
}`

async function putFault({ sandboxUrl }: TestApp, fault: object): Promise<void> {
  const body = JSON.stringify(fault)
  await fetch(`${sandboxUrl}/admin/faults`, { method: 'PUT', body })
}

/** Whether the middle of an element is in the window, and nothing lies over it. Runs in the page. */
function isUncovered(element: Element): boolean {
  const { x, y, width, height } = element.getBoundingClientRect()
  const top = document.elementFromPoint(x + width / 2, y + height / 2)
  return top !== null && element.contains(top)
}

function focusedLabel(page: Page) {
  return page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
}
