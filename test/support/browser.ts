import { type BrowserContext, chromium as playwright } from 'playwright-core'
import { onTestFinished } from 'vitest'

export interface TestBrowser {
  context: BrowserContext
  /** What its pages wanted from other machines; none of it was let through. */
  refused: string[]
}

/** A browser that reaches nothing but this machine; it closes with the test. */
export async function openBrowser(): Promise<TestBrowser> {
  const browser = await playwright.launch({
    ...(await whichBrowser()),
    args: [
      // Chromium as root, as in many containers, starts without its sandbox only.
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  onTestFinished(() => browser.close())
  // Wide and high enough for the editors to show every line whole.
  const context = await browser.newContext({
    viewport: { width: 1920, height: 1200 },
  })
  const refused: string[] = []
  await context.route(isElsewhere, (route) => {
    refused.push(route.request().url())
    return route.abort()
  })
  return { context, refused }
}

/** The binary that npm brings runs on Linux x64; elsewhere an installed Chrome serves. */
async function whichBrowser() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' }
  // The package unpacks the system libraries it needs only where it believes to be in a Lambda; they may be missing elsewhere too.
  process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs22.x'
  const { default: chromium } = await import('@sparticuz/chromium')
  return { executablePath: await chromium.executablePath() }
}

function isElsewhere({ protocol, hostname }: URL): boolean {
  if (protocol === 'blob:' || protocol === 'data:') return false
  return hostname !== 'localhost' && hostname !== '127.0.0.1'
}
