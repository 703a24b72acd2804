/**
 * Runs one example against a service and prints the response, one JSON document per line:
 *
 *     node examples/run.ts 02 groupId=AssetGroup:JIMENG:group-ab12
 *
 * The first argument is the beginning of a file name, the others are variables. Without `ZEROGRAPH_URL` and
 * `ZEROGRAPH_KEY` it uses the service that `npm start` runs with its sandbox. The events of a subscription are printed
 * as they arrive.
 */
import { readdirSync, readFileSync } from 'node:fs'

const { ZEROGRAPH_URL = 'http://localhost:4000', ZEROGRAPH_KEY = 'sk-sandbox' } = process.env
const [name = '', ...args] = process.argv.slice(2)
const folder = new URL('./', import.meta.url)
const files = readdirSync(folder).filter((file) => file.endsWith('.graphql'))
const file = files.find((file) => name !== '' && file.startsWith(name))
if (file === undefined) {
  console.error(`No example begins with "${name}". Examples: ${files.join(', ')}`)
  process.exit(2)
}

// The reader, such as `head`, has what it wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const variables = Object.fromEntries(args.map((arg) => arg.split(/=(.*)/s).slice(0, 2)))
const response = await fetch(`${ZEROGRAPH_URL}/graphql`, {
  method: 'POST',
  headers: {
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${ZEROGRAPH_KEY}`,
    'content-type': 'application/json',
  },
  body: JSON.stringify({ query: readFileSync(new URL(file, folder), 'utf8'), variables }),
})

if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
  for await (const line of linesOf(response)) {
    if (/^data: ./.test(line)) console.log(line.slice('data: '.length))
  }
} else {
  console.log(await response.text())
}

/** The lines of a response body, as they arrive. */
async function* linesOf({ body }: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
