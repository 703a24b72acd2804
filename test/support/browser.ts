import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium as playwright } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'

export interface TestBrowser {
  context: BrowserContext
  /** The URLs of blocked requests to other machines. */
  refused: string[]
}

/** Starts a browser that can reach only this machine. It closes with the test. */
export async function openBrowser(): Promise<TestBrowser> {
  const browser = await playwright.launch({
    ...(await browserOptions()),
    args: [
      // Chromium started as root, as in many containers, runs only without its sandbox.
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  onTestFinished(() => browser.close())
  // Large enough for the editors to show every line completely.
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

/** Chromium from npm on Linux x64, an installed Chrome on other systems. */
async function browserOptions() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' }
  unpacked ??= unpackChromium()
  return { executablePath: await unpacked }
}

let unpacked: Promise<string> | undefined

/**
 * Unpacks Chromium into a new folder and returns the path of its binary. The folder is deleted after the last test of the file.
 * Without it the package uses an existing `chromium` in the temporary folder, even one that only another user may execute.
 */
async function unpackChromium(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'zerograph-chromium-'))
  folders.push(folder)
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  // The package unpacks the system libraries of Chromium only when it detects AWS Lambda.
  process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs22.x'
  try {
    const { default: chromium } = await import('@sparticuz/chromium')
    const path = await chromium.executablePath()
    useFontsOf(folder)
    return path
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

/** The package's configuration names /tmp/fonts. Without a font, Chromium exits at the first text of a page. */
function useFontsOf(folder: string): void {
  const fonts = join(folder, 'fonts')
  const config = `<fontconfig><dir>${fonts}</dir><cachedir>${fonts}/cache</cachedir></fontconfig>`
  writeFileSync(join(fonts, 'fonts.conf'), config)
}

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function isElsewhere({ protocol, hostname }: URL): boolean {
  if (protocol === 'blob:' || protocol === 'data:') return false
  return hostname !== 'localhost' && hostname !== '127.0.0.1'
}
