import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { startApp, type TestApp } from './support/app.ts'
import { enter, openBoard, SOON, shows, tile } from './support/board.ts'

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

const SANDBOX_KEY = 'sk-sandbox'
const CREATE = `mutation ($prompt: String!) {
  createVideoTask(input: { prompt: $prompt }) { __typename }
}`
const CREATE_WAITING = `mutation ($url: URL!) {
  createVideoFromUrls(input: {
    prompt: "The oldest", platform: JIMENG, files: [{ role: FIRST_FRAME, url: $url }]
  }) { ... on VideoTask { id } }
}`
const CANCEL = `mutation ($id: ID!) {
  cancelVideoTask(id: $id) { ... on VideoTask { status } }
}`

async function putFault({ sandboxUrl }: TestApp, fault: object): Promise<void> {
  const body = JSON.stringify(fault)
  await fetch(`${sandboxUrl}/admin/faults`, { method: 'PUT', body })
}

function focusedLabel(page: Page) {
  return page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
}
