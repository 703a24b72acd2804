import { EXIT_CODE } from './exit-code.ts'
import type { Output } from './output.ts'

/** What a person needs after Ctrl-C: a sentence, and the command that goes on. */
export interface Continuation {
  text: string
  command: string
}

/**
 * Runs `work`. SIGINT and SIGTERM meanwhile print how to go on, and end the process with 130. `continuation` is called
 * at that time.
 */
export async function interruptible<T>(
  output: Output,
  continuation: () => Continuation,
  work: () => Promise<T>,
): Promise<T> {
  const interrupt = () => {
    output.progress(null)
    const { text, command } = continuation()
    output.event({ event: 'interrupted', command, exitCode: EXIT_CODE.interrupted })
    output.note(`\n${text}\n  ${command}`)
    process.exit(EXIT_CODE.interrupted)
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    return await work()
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

/** Returns a command line that a POSIX shell splits into these arguments. */
export function commandOf(...args: string[]): string {
  return ['npx', 'zerograph', ...args].map(quoted).join(' ')
}

function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`
}
