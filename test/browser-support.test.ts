import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from './support/app.ts'
import { openBrowser } from './support/browser.ts'

test('Chromium starts when the temporary folder has an unreadable chromium file', async () => {
  const shared = temporaryFolder()
  writeFileSync(join(shared, 'chromium'), '', { mode: 0o000 })
  vi.stubEnv('TMPDIR', shared)
  onTestFinished(() => void vi.unstubAllEnvs())

  const { context } = await openBrowser()

  const page = await context.newPage()
  await page.setContent('<title>up</title>')
  expect(await page.title()).toBe('up')
})
