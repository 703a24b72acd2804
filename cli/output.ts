import { styleText } from 'node:util'

/** Where a command writes. Text for a person and JSON for a script never share a stream. */
export interface Output {
  /** A result for a person: on standard output, or on standard error with `--json`. */
  line(text: string): void
  /** Information on the way to the result: on standard error. */
  note(text: string): void
  /** One JSON object on standard output; nothing without `--json`. */
  event(event: object): void
  /** Whether `progress` shows anything: standard error is a terminal. */
  showsProgress: boolean
  /** Shows a line that the next call replaces. Null removes it. */
  progress(text: string | null): void
}

/** Creates the output of a command. */
export function createOutput(isJson: boolean): Output {
  const { stdout, stderr } = process
  let shown: string | null = null
  const clear = () => shown !== null && stderr.write('\r\u001b[K')
  const show = () => shown !== null && stderr.write(shortened(shown, stderr.columns))
  const write = (stream: NodeJS.WriteStream, text: string) => {
    clear()
    stream.write(`${text}\n`)
    show()
  }
  return {
    line: (text) => write(isJson ? stderr : stdout, text),
    note: (text) => write(stderr, text),
    event: (event) => isJson && write(stdout, JSON.stringify(event)),
    showsProgress: stderr.isTTY === true,
    progress(text) {
      if (!stderr.isTTY) return
      clear()
      shown = text
      show()
    },
  }
}

/** The colours of this program. None without a terminal, and none with NO_COLOR. */
export const colour = {
  good: (text: string) => styled('green', text),
  bad: (text: string) => styled('red', text),
  warn: (text: string) => styled('yellow', text),
  dim: (text: string) => styled('dim', text),
}

function styled(format: Parameters<typeof styleText>[0], text: string): string {
  // Both streams may get the text, so both must be terminals.
  if (!process.stdout.isTTY) return text
  return styleText(format, text, { stream: process.stderr })
}

/** A line that wraps cannot be replaced. */
function shortened(text: string, columns: number): string {
  const width = columns || DEFAULT_COLUMNS
  return text.length < width ? text : `${text.slice(0, width - 2)}…`
}

const DEFAULT_COLUMNS = 80
