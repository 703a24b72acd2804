import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import type { TestApp } from './app.ts'
import { openBrowser } from './browser.ts'

declare global {
  interface Window {
    layoutShifts: { score: number; moved: string[] }[]
    /** When the last form was submitted. */
    submittedAt: number
    axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
  }
}

/** Layout Instability API: not in the types of TypeScript. */
interface LayoutShift extends PerformanceEntry {
  value: number
  hadRecentInput: boolean
  sources: { node: Node | null }[]
}

/**
 * For `startApp`: videos as soon as they are rendered. Assets keep the pace of `npm start`, so that tests see them
 * while they are processed.
 */
export const QUICK_VIDEOS = { sandboxPace: { taskQueuedMs: 300, taskRunningMs: 700 } }
/** As `QUICK_VIDEOS`, and assets are soon ready too. */
export const QUICK_SANDBOX = {
  sandboxPace: { ...QUICK_VIDEOS.sandboxPace, assetMinMs: 300, assetMaxMs: 400 },
}

/** Milliseconds until something that the service or the sandbox does is on the page. */
export const SOON = { timeout: 10_000 }
/** The same for the rendering of a video. */
export const AFTER_A_RENDERING = { timeout: 40_000 }

/** A page of a test. */
export interface BoardPage {
  page: Page
  /** Opens another tab of the same browser. It has session storage of its own. */
  openTab(): Promise<Page>
}

/**
 * Opens the page of the board in a new browser, which closes with the test. The test fails when the page has uncaught
 * errors, violates its Content-Security-Policy, or requests something from another machine.
 */
export async function openBoard(
  app: Pick<TestApp, 'url'>,
  options: BrowserContextOptions = {},
): Promise<BoardPage> {
  const { context, refused } = await openBrowser({
    viewport: { width: 1280, height: 800 },
    ...options,
  })
  const problems: string[] = []
  await context.addInitScript(observePage)
  const openTab = async () => {
    const page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' && !UNREACHABLE.test(message.text())) {
        problems.push(message.text())
      }
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    await page.goto(app.url)
    return page
  }
  onTestFinished(() => {
    expect(problems).toEqual([])
    expect(refused).toEqual([])
  })
  return { page: await openTab(), openTab }
}

/** What the browser itself logs when the service or a file cannot be reached. */
const UNREACHABLE = /^(Failed to load resource|WebSocket connection to)/

/** Enters a key, or takes the one that is filled in, and waits until the board is open. */
export async function enter(page: Page, key?: string): Promise<void> {
  if (key !== undefined) await page.getByLabel('Key of 0-0').fill(key)
  await page.getByRole('button', { name: 'Open the board' }).click()
  await page.getByRole('heading', { name: 'New video' }).waitFor()
}

/** Fails when axe-core finds something in the present state of the page, in light or dark colours. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    expect([colorScheme, ...(await accessibilityProblems(page))]).toEqual([colorScheme])
  }
}

async function accessibilityProblems(page: Page): Promise<string[]> {
  // Colours may still change. Endless animations never finish.
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime))
        .map(({ finished }) => finished.catch(() => {})),
    ),
  )
  // The Content-Security-Policy allows no inline script, and evaluate needs none.
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run()
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`,
    )
  })
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Returns the sum of the layout shifts so far that no input of the user explains. Logs which elements moved. */
export async function layoutShift(page: Page): Promise<number> {
  const shifts = await page.evaluate(() => window.layoutShifts)
  for (const { score, moved } of shifts) console.log(`layout shift ${score}: ${moved.join(' ')}`)
  return shifts.reduce((sum, { score }) => sum + score, 0)
}

/** Returns by how many pixels the page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
}

/** Waits until a text is on the page. */
export function shows(page: Page | Locator, text: string | RegExp, options = SOON): Promise<void> {
  return page.getByText(text).first().waitFor(options)
}

/** The tile of an asset. */
export function tile(page: Page, name: string) {
  return page.getByRole('region', { name: /^Assets/ }).getByRole('button', { name })
}

/** Enters a prompt and waits for the cost. */
export async function fillPrompt(page: Page, prompt: string): Promise<void> {
  await page.getByLabel('Prompt').fill(prompt)
  await shows(page.locator('form'), /[\d,]+ tokens/)
}

/** Chooses the options with which a video is rendered soonest. */
export async function chooseSmallest(page: Page): Promise<void> {
  await page.getByLabel('Resolution').selectOption('480p')
  await page.getByLabel('Duration').selectOption('4 s')
}

/** Makes a video that is rendered soon, with the key of the sandbox. */
export async function makeVideo(app: TestApp, prompt: string): Promise<void> {
  const { data } = await app.query(
    'mutation ($input: CreateVideoTaskInput!) { createVideoTask(input: $input) { __typename } }',
    { input: { prompt, duration: 4, resolution: '480p' } },
    'sk-sandbox',
  )
  expect(data).toEqual({ createVideoTask: { __typename: 'VideoTask' } })
}

/** Plays the open video. Returns whether it advances. */
export function plays(page: Page): Promise<boolean> {
  return page.getByLabel('The finished video').evaluate(async (video: HTMLVideoElement) => {
    video.muted = true
    await video.play()
    while (video.currentTime < 0.5) await new Promise((resolve) => setTimeout(resolve, 50))
    return video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0
  })
}

/** Runs in the page, before its scripts. */
function observePage(): void {
  window.layoutShifts = []
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as LayoutShift[]) {
      if (entry.hadRecentInput) continue
      const moved = entry.sources.map(({ node }) =>
        node instanceof Element ? node.outerHTML.slice(0, 80) : '',
      )
      window.layoutShifts.push({ score: entry.value, moved })
    }
  }).observe({ type: 'layout-shift', buffered: true })
  document.addEventListener('submit', () => (window.submittedAt = Date.now()), true)
  document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
  )
}
