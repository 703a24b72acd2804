import { Command, InvalidArgumentError, Option } from 'commander'
import { doctor } from './doctor.ts'
import type { ExitCode } from './exit-code.ts'
import { type MakeOptions, make } from './make.ts'
import { createOutput, type Output } from './output.ts'
import { type GlobalOptions, readSettings, type Settings } from './settings.ts'
import { VERSION } from './version.ts'
import { KINDS, type WatchOptions, watch } from './watch.ts'

const RECONNECT_SECONDS = 300

const EXIT_CODES = `
Exit codes:
  0  done: the asset is ACTIVE, the video is ready, every check passed
  1  failed: the asset or the task failed, a create was refused, an id is unknown, a check failed
  2  usage: wrong arguments, or an input that the service refuses
  3  the credential is missing or refused
  4  the service, or 0-0 behind it, cannot be reached now
  5  the outcome is not known
  130  interrupted

The key is read from ZEROGRAPH_KEY or from --key-file, never from an argument, which other users can see.`

/** Creates the parser of the command line. `onExit` receives the exit code of a command that ran. */
export function createProgram(args: string[], onExit: (code: ExitCode) => void): Command {
  const program = new Command('zerograph')
    .description('Checks a ZeroGraph service, watches assets and videos, and makes videos.')
    .version(VERSION)
    .option('--url <url>', 'address of the service (ZEROGRAPH_URL, http://localhost:4000)')
    .option('--key-file <path>', 'file with the key or token; - for standard input')
    .option('--json', 'one JSON object a line on standard output, text on standard error')
    .option(
      '--reconnect <seconds>',
      'how long to wait for a lost service',
      seconds,
      RECONNECT_SECONDS,
    )
    .addHelpText('after', EXIT_CODES)
    .showHelpAfterError('Use --help for the options.')
    .exitOverride()
  const run = async (command: Command, action: Action) => {
    const options = command.optsWithGlobals<GlobalOptions>()
    const output = createOutput(options.json === true)
    onExit(await action(readSettings(options, process.env), output))
  }
  addDoctor(program, run)
  addWatch(program, run)
  addMake(program, run, args)
  return program
}

type Action = (settings: Settings, output: Output) => Promise<ExitCode>
type Run = (command: Command, action: Action) => Promise<void>

function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description(
      'Checks the service, its database, the clocks, the key, and 0-0. Exits with 0 or 1.',
    )
    .action((_options, command: Command) => run(command, doctor))
}

function addWatch(program: Command, run: Run): void {
  program
    .command('watch')
    .description('Prints every change of an asset, a group or a video task until its end.')
    .argument('<id>', 'a global id, or the id at 0-0')
    .addOption(new Option('--kind <kind>', 'what the id names').choices(KINDS))
    .addOption(platformOption().default('JIMENG'))
    .option('--model <model>', 'model of a task that was not created through the service')
    .action((id: string, options: WatchOptions, command: Command) =>
      run(command, (settings, output) => watch(settings, output, id, options)),
    )
}

function addMake(program: Command, run: Run, args: string[]): void {
  program
    .command('make')
    .description('Makes a video from URLs, and prints its URL.')
    .requiredOption('--prompt <text>', 'what the video shows')
    .option('--image <[name=]url>', IMAGE_HELP, collect)
    .option('--first-frame <[name=]url>', 'image with which the video begins')
    .option('--last-frame <[name=]url>', 'image with which the video ends')
    .option('--reference <[name=]url>', 'image as a reference; can be repeated', collect)
    .option('--video <[name=]url>', 'video as a reference; can be repeated', collect)
    .option('--audio <[name=]url>', 'sound as a reference; can be repeated', collect)
    .option('--model <model>', 'model that makes the video')
    .option('--duration <seconds>', 'duration', integer)
    .option('--resolution <resolution>', 'for example 720p')
    .option('--ratio <ratio>', 'for example 16:9')
    .option('--with-audio', 'make a video with sound')
    .option('--watermark', 'make a video with a watermark')
    .option('--seed <number>', 'seed', integer)
    .addOption(platformOption())
    .option('--group <id>', 'asset group for the files; a new one when omitted')
    .option('--group-name <name>', 'name of the new group')
    .option('--idempotency-key <key>', 'name of this create, to repeat it safely')
    .option('--preview', 'print the problems and the cost, and create nothing')
    .option('--detach', 'print the id of the task instead of waiting for the video')
    .action((options: MakeOptions, command: Command) =>
      run(command, (settings, output) => make(settings, output, options, args)),
    )
}

const IMAGE_HELP =
  'image: one is the first frame, two are first and last frame, more are references'

function platformOption(): Option {
  return new Option('--platform <platform>', 'platform at 0-0').choices(['JIMENG', 'BYTEPLUS'])
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

function integer(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('Not a whole number.')
  return Number(text)
}

function seconds(text: string): number {
  const number = integer(text)
  if (number < 0) throw new InvalidArgumentError('Not a number of seconds.')
  return number
}
