import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from './cli-error.ts'
import { createVideo, type Issue, listHints, type Refusal, type VideoTask } from './operations.ts'
import type { Output } from './output.ts'
import { request } from './request.ts'
import { exitCodeOf } from './response.ts'
import type { Settings } from './settings.ts'
import { assetLine } from './show.ts'
import type { VideoFile } from './video-files.ts'

/** The input of `createVideoFromUrls`. What is undefined is not sent. */
export interface VideoInput {
  prompt: string
  files: VideoFile[]
  idempotencyKey: string
  [option: string]: unknown
}

const WAIT_SECONDS = 2

/**
 * Creates the video and returns its task. Repeats the create with its idempotency key when no answer arrived, or when
 * the service says that it may succeed later, for `settings.reconnectMs` milliseconds. Throws a CliError otherwise.
 */
export async function createVideoOnce(
  settings: Settings,
  output: Output,
  input: VideoInput,
): Promise<VideoTask> {
  const deadline = Date.now() + settings.reconnectMs
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { task, refusal } = await request(settings, createVideo, { input })
      if (task) return task
      throw await errorOf(settings, refusal)
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      const { retryable, code, retryAfterSeconds = WAIT_SECONDS } = error.details
      // Nothing runs at this address, so a person should know at once.
      const isWrongAddress = attempt === 1 && code === 'UNREACHABLE' && isRefused(error)
      const waitMs = retryAfterSeconds * 1_000
      if (!retryable || isWrongAddress || Date.now() + waitMs > deadline) throw error
      output.note(`${error.message} Repeating in ${retryAfterSeconds} s with the same key.`)
      await pause(waitMs)
    }
  }
}

/** Returns the lines of the issues of an input. */
export function issueLines(issues: Issue[]): string[] {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** A refusal is data of the service, so that it has no hint of its own as other errors have. */
async function errorOf(settings: Settings, refusal: Refusal): Promise<CliError> {
  const { code, message, retryable, retryAfterSeconds, assets = [] } = refusal
  // The message of an input with one issue is that issue.
  const issues = refusal.issues?.filter((issue) => !message.includes(issue.message)) ?? []
  const hints = await request(settings, listHints).catch(() => null)
  return new CliError([message, ...issueLines(issues), ...assets.map(assetLine)].join('\n  '), {
    code,
    exitCode: exitCodeOf(code),
    hint: hints?.get(code),
    retryable,
    retryAfterSeconds,
  })
}

/** Whether no connection was made, so that nothing was sent. */
function isRefused({ message }: CliError): boolean {
  return /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(message)
}
