import { type Command, CommanderError } from 'commander'
import { CliError } from './cli-error.ts'
import { EXIT_CODE } from './exit-code.ts'
import { createOutput } from './output.ts'
import { createProgram } from './program.ts'

// The reader of a pipe may leave early, for example `head`.
process.stdout.on('error', () => process.exit(EXIT_CODE.done))

const args = process.argv.slice(2)
const program = createProgram(args, (exitCode) => {
  process.exitCode = exitCode
})
try {
  await program.parseAsync(args, { from: 'user' })
} catch (error) {
  process.exitCode = report(error, program)
}

/** Prints an error and returns the exit code. */
function report(error: unknown, program: Command): number {
  // commander has printed its message. Help that was asked for is not an error.
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? EXIT_CODE.done : EXIT_CODE.usage
  if (!(error instanceof CliError)) throw error
  const output = createOutput(program.opts().json === true)
  const { message, details } = error
  output.event({ event: 'error', message, ...details })
  output.note(`${details.code}: ${message}`)
  if (details.hint) output.note(details.hint)
  return details.exitCode
}
