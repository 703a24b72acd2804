import { rmSync } from 'node:fs'
import type { BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'
import { isElsewhere, launchChromium, unpackChromium } from './chromium.ts'

export interface TestBrowser {
  context: BrowserContext
  /** The URLs of blocked requests to other machines. */
  refused: string[]
}

/** Starts a browser that can reach only this machine. It closes with the test. */
export async function openBrowser(options: BrowserContextOptions = {}): Promise<TestBrowser> {
  const browser = await launchChromium(unpackOnce)
  onTestFinished(() => browser.close())
  // Large enough for the editors of GraphiQL to show every line completely.
  const context = await browser.newContext({ viewport: { width: 1920, height: 1200 }, ...options })
  const refused: string[] = []
  await context.route(isElsewhere, (route) => {
    refused.push(route.request().url())
    return route.abort()
  })
  return { context, refused }
}

let unpacked: Promise<string> | undefined

function unpackOnce(): Promise<string> {
  unpacked ??= unpackChromium()
  return unpacked
}

afterAll(async () => {
  if (unpacked) rmSync(await unpacked, { recursive: true, force: true })
})
