import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium as playwright } from 'playwright-core'

/** Starts Chromium from npm on Linux x64, an installed Chrome on other systems. `folder` is one of `unpackChromium`. */
export async function launchChromium(folder: () => Promise<string>): Promise<Browser> {
  return playwright.launch({
    ...(isPackaged ? { executablePath: join(await folder(), 'chromium') } : { channel: 'chrome' }),
    args: [
      // Chromium started as root, as in many containers, runs only without its sandbox.
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

const isPackaged = process.platform === 'linux' && process.arch === 'x64'

/**
 * Unpacks Chromium into a new folder, which the caller deletes. Without a folder of its own, the package uses an
 * existing `chromium` in the temporary folder, even one that only another user may execute.
 */
export async function unpackChromium(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'zerograph-chromium-'))
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  // The package unpacks the system libraries of Chromium only when it detects AWS Lambda.
  process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs22.x'
  try {
    const { default: chromium } = await import('@sparticuz/chromium')
    await chromium.executablePath()
    nameFontsOf(folder)
    return folder
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

/** The package's configuration names /tmp/fonts. Without a font, Chromium exits at the first text of a page. */
function nameFontsOf(folder: string): void {
  const fonts = join(folder, 'fonts')
  const config = `<fontconfig><dir>${fonts}</dir><cachedir>${fonts}/cache</cachedir></fontconfig>`
  writeFileSync(join(fonts, 'fonts.conf'), config)
}

/** Whether a URL is on another machine. */
export function isElsewhere({ protocol, hostname }: URL): boolean {
  if (protocol === 'blob:' || protocol === 'data:') return false
  return hostname !== 'localhost' && hostname !== '127.0.0.1'
}
