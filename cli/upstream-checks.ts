import type { Check } from './checks.ts'
import { CliError } from './cli-error.ts'
import { EXIT_CODE } from './exit-code.ts'
import { listGroups, listModels, readUnknownTask } from './operations.ts'
import { request } from './request.ts'
import type { Settings } from './settings.ts'

/** Checks the key, and that the service reaches 0-0 with it. */
export async function* checkCredential(settings: Settings): AsyncGenerator<Check> {
  try {
    const hasKey = settings.key() !== null
    const { message, status } = await readUpstream(settings)
    const accepted = hasKey ? 'accepted' : 'none, and the service needs none'
    yield { name: 'key', status: 'ok', message: accepted }
    yield { name: '0-0', status, message }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    yield* explain(error)
  }
}

/**
 * Reads a task that does not exist. The gateway of 0-0 answers that itself, without a provider. An unknown asset would
 * reach a provider, and three of its answers 404 make 0-0 refuse the model for minutes. `models` alone proves nothing:
 * when 0-0 does not answer, the service lists the models that it knows.
 */
async function readUpstream(settings: Settings): Promise<Pick<Check, 'message' | 'status'>> {
  await request(settings, listGroups)
  await request(settings, readUnknownTask)
  const { models } = await request(settings, listModels)
  return { status: 'ok', message: `reached; models: ${models.map(({ id }) => id).join(', ')}` }
}

function* explain({ message, details: { code, exitCode, hint } }: CliError): Generator<Check> {
  if (exitCode === EXIT_CODE.credential) {
    yield { name: 'key', status: 'fail', message, hint }
    yield { name: '0-0', status: 'skip', message: 'not checked, because it needs a good key' }
    return
  }
  yield { name: 'key', status: 'skip', message: 'not checked, see the next line' }
  const status = code === 'RATE_LIMITED' ? 'warn' : 'fail'
  yield { name: '0-0', status, message: `${code}: ${message}`, hint }
}
