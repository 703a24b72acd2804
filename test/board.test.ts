import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { startApp, type TestApp, temporaryFolder, until } from './support/app.ts'
import {
  AFTER_A_RENDERING,
  chooseSmallest,
  enter,
  expectAccessible,
  fillPrompt,
  layoutShift,
  makeVideo,
  openBoard,
  overflowOf,
  plays,
  QUICK_SANDBOX,
  QUICK_VIDEOS,
  SOON,
  shows,
  tile,
} from './support/board.ts'
import { startIssuer } from './support/jwt.ts'
import { countRows, startSandbox } from './support/sandbox.ts'

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true }

test('the whole story by clicks: from no key to a video that plays', async () => {
  const app = await startApp({}, QUICK_VIDEOS)
  const { page } = await openBoard(app)
  await expectAccessible(page)

  await enter(page)
  await shows(page, 'Nothing made yet')
  await expectAccessible(page)

  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'portrait').getByText('Processing').waitFor(SOON)
  await expectAccessible(page)
  await tile(page, 'portrait').getByText('Active').waitFor(SOON)
  await tile(page, 'too-small').getByText('Failed').waitFor(SOON)
  await tile(page, 'too-small').getByText('WidthTooSmall').waitFor(SOON)

  await page.getByLabel('Prompt').fill('She turns to the camera and smiles')
  await page.getByRole('button', { name: 'Choose: First frame' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'portrait' }).click()
  await chooseSmallest(page)
  await shows(page.locator('form'), /[\d,]+ tokens/)
  await expectAccessible(page)

  await page.getByRole('button', { name: 'Make the video' }).dblclick()
  const task = page.getByRole('dialog', { name: 'Task' })
  await task.getByRole('list').first().waitFor(SOON)
  await expectAccessible(page)
  await task.getByText('Done').waitFor(AFTER_A_RENDERING)

  expect(countRows(app.dataDir, 'task')).toBe(1)
  expect(await task.locator('.timeline li').count()).toBeGreaterThanOrEqual(3)
  expect(await plays(page)).toBe(true)
  await shows(page, /1?\d+,\d+ tokens used/)
  await expectAccessible(page)
  expect(await layoutShift(page)).toBeLessThan(0.03)
}, 120_000)

test('nothing moves while the board loads, neither empty nor with contents', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  const { page } = await openBoard(app)
  await enter(page)
  await shows(page, 'Nothing made yet')

  await page.reload({ waitUntil: 'networkidle' })
  await shows(page, 'Nothing made yet')
  expect(await layoutShift(page)).toBeLessThan(0.01)

  await page.getByRole('button', { name: 'Register the samples' }).click()
  for (const prompt of ['First', 'Second']) await makeVideo(app, prompt)
  await page.locator('.card-foot').getByText('Done').nth(1).waitFor(AFTER_A_RENDERING)
  await page.reload({ waitUntil: 'networkidle' })
  await page.locator('.card-foot').getByText('Done').nth(1).waitFor(SOON)
  expect(await layoutShift(page)).toBeLessThan(0.01)
}, 90_000)

test('a wrong key is refused with a reason, and a good one is then accepted', async () => {
  const { page } = await openBoard(await startApp())

  await page.getByLabel('Key of 0-0').fill('not-a-key')
  await page.getByRole('button', { name: 'Open the board' }).click()
  await expect.poll(() => page.getByRole('status').textContent(), SOON).toMatch(/key/i)
  expect(await page.getByLabel('Key of 0-0').getAttribute('aria-invalid')).toBe('true')
  await expectAccessible(page)

  await enter(page, 'sk-good')
})

test('a second tab shows a new group and a new video within 300 ms', async () => {
  const { page, openTab } = await openBoard(await startApp())
  const second = await openTab()
  for (const tab of [page, second]) {
    await enter(tab)
    await shows(tab, 'live')
  }

  const delays: number[] = []
  for (const name of ['Streets', 'Heroes', 'Props']) {
    const shownAt = timeOf(second, name)
    await page.getByLabel('Name of a new group').fill(name)
    await page.getByRole('button', { name: 'Create' }).click()
    delays.push((await shownAt) - (await page.evaluate(() => window.submittedAt)))
  }
  const shownAt = timeOf(second, 'A train in the rain')
  await page.getByLabel('Prompt').fill('A train in the rain')
  await shows(page.locator('form'), /[\d,]+ tokens/)
  await page.getByRole('button', { name: 'Make the video' }).click()
  delays.push((await shownAt) - (await page.evaluate(() => window.submittedAt)))

  expect(Math.max(...delays)).toBeLessThan(300)
}, 60_000)

test('with an empty balance nothing is made, and a later attempt makes one video', async () => {
  const app = await startApp()
  const { page } = await openBoard(app)
  await enter(page)
  await setFaults(app, [{ insufficientBalance: true, route: 'createVideoTask' }])

  await fillPrompt(page, 'A lighthouse at night')
  await page.getByRole('button', { name: 'Make the video' }).click()
  await shows(page, 'The balance is too low')
  await expectAccessible(page)
  await setFaults(app, [])
  await page.getByRole('button', { name: 'Make the video' }).click()

  await until(() => countRows(app.dataDir, 'task') === 1)
  await shows(page.locator('form'), 'Accepted')
}, 60_000)

test('when rate limited, the form counts the seconds and then sends', async () => {
  const app = await startApp()
  const { page } = await openBoard(app)
  await enter(page)
  await setFaults(app, [{ rateLimit: { retryAfter: 3 }, route: 'createVideoTask', times: 1 }])

  await fillPrompt(page, 'A lighthouse at night')
  await page.getByRole('button', { name: 'Make the video' }).click()
  await shows(page, /Try again in [123] s/)
  await expectAccessible(page)
  await shows(page, 'Try again now')
  await page.getByRole('button', { name: 'Make the video' }).click()

  await shows(page.locator('form'), 'Accepted')
  expect(countRows(app.dataDir, 'task')).toBe(1)
}, 60_000)

test('an issue of the preview stands at its field, and prevents sending', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  const { page } = await openBoard(app)
  await enter(page)
  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'portrait').getByText('Active').waitFor(SOON)

  await page.getByLabel('Prompt').fill('She smiles')
  await page.getByRole('button', { name: 'Choose: Last frame' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'portrait' }).click()

  await shows(page.locator('form'), /1 issue/)
  await shows(page.getByRole('group', { name: 'Files of the video' }), /first frame|FIRST_FRAME/i)
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Make the video' }).click({ force: true })
  expect(countRows(app.dataDir, 'task')).toBe(0)
}, 60_000)

test('while the service restarts the board stays readable and says so, and then goes on', async () => {
  const dataDir = temporaryFolder()
  const app = await startApp({ DATA_DIR: dataDir }, QUICK_SANDBOX)
  const ports = { PORT: new URL(app.url).port, SANDBOX_PORT: new URL(`${app.sandboxUrl}`).port }
  const { page } = await openBoard(app)
  await enter(page)
  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'portrait').getByText('Active').waitFor(SOON)
  await chooseSmallest(page)
  await fillPrompt(page, 'Rain on a window')
  await page.getByRole('button', { name: 'Make the video' }).click()
  await shows(page.getByRole('dialog', { name: 'Task' }), /Queued|Running/)

  await app.stop()
  await shows(page, /Trying again in \d+ s/)
  await shows(page, /What you see is .+ old/)
  await tile(page, 'portrait').getByText('Active').waitFor(SOON)
  await expectAccessible(page)
  await startApp({ ...ports, DATA_DIR: dataDir }, QUICK_SANDBOX)

  await page.getByText('live', { exact: true }).waitFor(AFTER_A_RENDERING)
  await page
    .getByRole('dialog', { name: 'Task' })
    .getByText('Done')
    .first()
    .waitFor(AFTER_A_RENDERING)
  expect(await plays(page)).toBe(true)
}, 120_000)

test('on a phone nothing scrolls sideways, and a task opens as a sheet', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  const { page } = await openBoard(app, PHONE)
  expect(await overflowOf(page)).toBeLessThanOrEqual(0)

  await enter(page)
  await shows(page, 'Nothing made yet')
  expect(await overflowOf(page)).toBeLessThanOrEqual(0)
  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'too-small').getByText('WidthTooSmall').waitFor(SOON)
  await expectAccessible(page)
  await chooseSmallest(page)
  await fillPrompt(page, `A ${'very '.repeat(30)}long prompt`)
  await page.getByRole('button', { name: 'Make the video' }).click()
  await page.getByRole('dialog', { name: 'Task' }).waitFor(SOON)
  await page.getByRole('dialog', { name: 'Task' }).getByText('Done').waitFor(AFTER_A_RENDERING)
  expect(await overflowOf(page)).toBeLessThanOrEqual(0)
  await expectAccessible(page)

  await page.getByRole('button', { name: 'Close the task' }).click()
  expect(await overflowOf(page)).toBeLessThanOrEqual(0)
  expect(await page.getByRole('dialog', { name: 'Task' }).count()).toBe(0)
}, 90_000)

test('everything works with the keyboard, and the focus returns to where it came from', async () => {
  const app = await startApp()
  for (const prompt of ['First', 'Second', 'Third']) await makeVideo(app, prompt)
  const { page } = await openBoard(app)
  await enter(page)
  await shows(page, 'Third')
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
  const label = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))

  await page.keyboard.press('n')
  expect(await label()).toBe('Prompt')
  await page.keyboard.type('n/a')
  expect(await page.getByLabel('Prompt').inputValue()).toBe('n/a')

  await page.getByLabel('Prompt').blur()
  await page.keyboard.press('/')
  expect(await label()).toBe('Search videos')

  await page.keyboard.press('Tab')
  expect(await focused()).toContain('Third')
  await page.keyboard.press('ArrowRight')
  expect(await focused()).toContain('Second')
  await page.keyboard.press('Enter')
  const task = page.getByRole('dialog', { name: 'Task' })
  await task.getByText('Second').waitFor(SOON)
  expect(await task.evaluate((dialog) => dialog.contains(document.activeElement))).toBe(true)
  await page.keyboard.press('Escape')
  await task.waitFor({ state: 'detached' })
  expect(await focused()).toContain('Second')
}, 60_000)

test('the colours follow the system, and with reduced motion nothing moves', async () => {
  const app = await startApp()
  const { page } = await openBoard(app, { reducedMotion: 'reduce', colorScheme: 'dark' })
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  await enter(page)
  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'portrait').getByText('Processing').waitFor(SOON)

  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
  expect(await background()).toBe('rgb(15, 17, 19)')
  await page.emulateMedia({ colorScheme: 'light' })
  expect(await background()).toBe('rgb(250, 250, 249)')
}, 60_000)

test('"Show as GraphQL" opens GraphiQL with the operation and the variables of the form', async () => {
  const app = await startApp()
  const { page } = await openBoard(app)
  await enter(page)
  await fillPrompt(page, 'A kite over the sea')

  const [graphiql] = await Promise.all([
    page.context().waitForEvent('page'),
    page.locator('form').getByRole('link', { name: 'Show as GraphQL' }).click(),
  ])

  await expect
    .poll(
      () => graphiql.locator('.graphiql-tab-active .graphiql-tab-button').textContent(),
      AFTER_A_RENDERING,
    )
    .toBe('CreateVideo')
  await graphiql.getByText('A kite over the sea').first().waitFor(SOON)
}, 60_000)

test('a video whose URL has expired says so', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  await makeVideo(app, 'An old film')
  const { page } = await openBoard(app)
  await enter(page)
  await page.getByRole('button', { name: /An old film.*Done/ }).waitFor(AFTER_A_RENDERING)

  await page.clock.setSystemTime(Date.now() + 25 * 3_600_000)
  await page.getByRole('button', { name: /An old film/ }).click()

  await shows(page.getByRole('dialog', { name: 'Task' }), /expired/)
  await expectAccessible(page)
}, 90_000)

test('a task that waits for an asset can be cancelled, and nothing is sent', async () => {
  const app = await startApp()
  const { page } = await openBoard(app)
  await enter(page)
  await setFaults(app, [{ assetOutcome: 'Processing' }])
  await page.getByLabel('Name of a new group').fill('Streets')
  await page.getByRole('button', { name: 'Create' }).click()
  await shows(page, 'Assets of Streets')
  await paste(page, `${app.sandboxUrl}/samples/landscape.jpg`)
  await tile(page, 'landscape').getByText('Processing').waitFor(SOON)

  await tile(page, 'landscape').dragTo(page.getByRole('button', { name: 'Choose: First frame' }))
  await fillPrompt(page, 'Clouds over the hills')
  await shows(page.locator('form'), /waits for 1 asset/)
  await page.getByRole('button', { name: 'Make the video' }).click()
  const task = page.getByRole('dialog', { name: 'Task' })
  await task.getByText('Waiting', { exact: true }).waitFor(SOON)
  await expectAccessible(page)
  await task.getByRole('button', { name: 'Cancel the task' }).click()

  await task.getByText('Cancelled', { exact: true }).first().waitFor(SOON)
  expect(countRows(app.dataDir, 'task')).toBe(0)
}, 60_000)

test('a video is made from the URL of a picture alone, and its id is copied by a click', async () => {
  const app = await startApp({}, QUICK_SANDBOX)
  const { page } = await openBoard(app, { permissions: ['clipboard-read', 'clipboard-write'] })
  await enter(page)

  await chooseSmallest(page)
  await page.getByLabel('Prompt').fill('She turns around')
  await page.getByRole('button', { name: 'Choose: First frame' }).click()
  await page.getByLabel('URL for: First frame').fill(`${app.sandboxUrl}/samples/portrait.png`)
  await page.getByRole('button', { name: 'Use URL' }).click()
  await page.getByRole('button', { name: 'Make the video' }).click()
  await page.getByLabel('The finished video').waitFor(AFTER_A_RENDERING)
  await page.getByRole('button', { name: /^Copy the id of the task Video/ }).click()

  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^VideoTask:/)
  expect(countRows(app.dataDir, 'asset_group')).toBe(1)
  expect(countRows(app.dataDir, 'task')).toBe(1)
}, 60_000)

test('with JWTs the board asks for a token, and follows changes with it', async () => {
  const [issuer, sandbox] = await Promise.all([startIssuer(), startSandbox()])
  const app = await startApp({ ...issuer.environment, UPSTREAM_URL: sandbox.url })
  const { page } = await openBoard(app)
  await expectAccessible(page)

  await page.getByLabel('Token').fill(await issuer.token('ada'))
  await page.getByRole('button', { name: 'Open the board' }).click()

  await shows(page, 'live')
  await page.getByLabel('Name of a new group').fill('Streets')
  await page.getByRole('button', { name: 'Create' }).click()
  await shows(page.getByRole('region', { name: 'Groups' }), 'Streets')
})

/** Pastes a text on the page, outside of its fields. */
function paste(page: Page, text: string): Promise<void> {
  return page.evaluate((text) => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', text)
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }))
  }, text)
}

/** Resolves with the time at which a text appears in the page. */
function timeOf(page: Page, text: string): Promise<number> {
  return page.evaluate(
    (text) =>
      new Promise<number>((resolve) => {
        const observer = new MutationObserver(() => {
          if (!document.body.textContent.includes(text)) return
          observer.disconnect()
          resolve(Date.now())
        })
        observer.observe(document.body, { subtree: true, childList: true, characterData: true })
      }),
    text,
  )
}

async function setFaults({ sandboxUrl }: TestApp, faults: object[]): Promise<void> {
  const response = await fetch(`${sandboxUrl}/admin/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  })
  expect(response.status).toBe(200)
}
