import { createVideoOnce, issueLines, type VideoInput } from './create-video.ts'
import { EXIT_CODE, type ExitCode } from './exit-code.ts'
import { commandOf, interruptible } from './interruption.ts'
import { previewVideo, type VideoTask } from './operations.ts'
import type { Output } from './output.ts'
import { request } from './request.ts'
import type { Settings } from './settings.ts'
import { type FileOptions, readVideoFiles, type VideoFile } from './video-files.ts'
import { tellConnection } from './watch.ts'
import { watchTask } from './watch-task.ts'

/** The options of `make`. */
export interface MakeOptions extends FileOptions {
  prompt: string
  model?: string
  duration?: number
  resolution?: string
  ratio?: string
  withAudio?: boolean
  watermark?: boolean
  seed?: number
  platform?: string
  group?: string
  groupName?: string
  idempotencyKey?: string
  preview?: boolean
  detach?: boolean
}

/** Makes a video from URLs, and returns the exit code. `args` are the arguments, for the command that goes on. */
export async function make(
  settings: Settings,
  output: Output,
  options: MakeOptions,
  args: string[],
): Promise<ExitCode> {
  const files = readVideoFiles(options)
  if (options.preview) return preview(settings, output, options, files)
  const input = inputOf(options, files)
  const task = await interruptible(
    output,
    () => ({
      text: 'The create may have been carried out. The same key makes nothing twice:',
      command: repeatCommand(args, input),
    }),
    () => createVideoOnce(settings, output, input),
  )
  output.event({ event: 'created', idempotencyKey: input.idempotencyKey, videoTask: task })
  output.note(`Created ${task.id}`)
  if (options.detach) {
    output.line(task.id)
    return EXIT_CODE.done
  }
  return follow(settings, output, task)
}

function follow(settings: Settings, output: Output, { id }: VideoTask): Promise<ExitCode> {
  const goOn = () => ({
    text: 'The video is still being made. Watch it:',
    command: commandOf('watch', id),
  })
  const options = { id, print: output.note, onConnection: tellConnection(output) }
  return interruptible(output, goOn, () => watchTask(settings, output, options))
}

/** Checks the input and prints the cost. Creates nothing. */
async function preview(
  settings: Settings,
  output: Output,
  options: MakeOptions,
  files: VideoFile[],
): Promise<ExitCode> {
  const resources = files.map(({ url, type, role }) => ({ url, type, role }))
  const input = { ...videoOptions(options), resources }
  const { estimatedVideoTokens, issues } = await request(settings, previewVideo, { input })
  const exitCode = issues.length === 0 ? EXIT_CODE.done : EXIT_CODE.usage
  output.event({ event: 'preview', exitCode, estimatedVideoTokens, issues })
  for (const line of issueLines(issues)) output.note(line)
  output.line(`${estimatedVideoTokens} video tokens (estimate)`)
  return exitCode
}

function inputOf(options: MakeOptions, files: VideoFile[]): VideoInput {
  const { prompt, group: groupId, groupName, platform, idempotencyKey } = options
  return {
    ...videoOptions(options),
    prompt,
    platform,
    groupId,
    groupName,
    files,
    idempotencyKey: idempotencyKey ?? crypto.randomUUID(),
  }
}

function videoOptions(options: MakeOptions) {
  const { prompt, model, duration, resolution, ratio, withAudio: audio, watermark, seed } = options
  return { prompt, model, duration, resolution, ratio, audio, watermark, seed }
}

function repeatCommand(args: string[], { idempotencyKey }: VideoInput): string {
  const isGiven = args.some((arg) => arg.startsWith('--idempotency-key'))
  return commandOf(...args, ...(isGiven ? [] : ['--idempotency-key', idempotencyKey]))
}
