import { type Check, checkClock, checkDatabase, checkNode, checkVersion } from './checks.ts'
import { CliError } from './cli-error.ts'
import { EXIT_CODE, type ExitCode } from './exit-code.ts'
import { ping } from './operations.ts'
import { colour, type Output } from './output.ts'
import { requestWithHeaders } from './request.ts'
import type { Settings } from './settings.ts'
import { checkCredential } from './upstream-checks.ts'

/** Checks everything between this machine and 0-0, prints one line for each check, and returns 0 or 1. */
export async function doctor(settings: Settings, output: Output): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT_CODE.done
  for await (const check of runChecks(settings)) {
    if (check.status === 'fail') exitCode = EXIT_CODE.failed
    output.event({ event: 'check', ...check })
    output.line(`${MARKS[check.status]}  ${check.name.padEnd(NAME_WIDTH)}  ${check.message}`)
    if (check.hint) output.line(colour.dim(`${' '.repeat(NAME_WIDTH + 8)}${check.hint}`))
  }
  output.event({ event: 'result', exitCode })
  return exitCode
}

const NAME_WIDTH = 8
const MARKS = {
  ok: colour.good('ok  '),
  warn: colour.warn('warn'),
  fail: colour.bad('fail'),
  skip: colour.dim('skip'),
}

/** Yields each check when it is done. Without a service there is nothing else to check. */
async function* runChecks(settings: Settings): AsyncGenerator<Check> {
  yield checkNode()
  const startedAt = Date.now()
  let headers: Headers
  try {
    // The key is a check of its own.
    headers = (await requestWithHeaders({ ...settings, key: () => null }, ping)).headers
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    yield { name: 'service', status: 'fail', message: error.message, hint: error.details.hint }
    return
  }
  const endedAt = Date.now()
  const message = `${settings.url.href} answers in ${endedAt - startedAt} ms`
  yield { name: 'service', status: 'ok', message }
  yield await checkVersion(settings)
  yield await checkDatabase(settings)
  yield checkClock(headers.get('date'), (startedAt + endedAt) / 2)
  yield* checkCredential(settings)
}
