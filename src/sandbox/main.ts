import { curlLines } from './home-page.ts'
import { createSandbox, type Sandbox } from './server.ts'

const { SANDBOX_PORT = '4010', HOST = '127.0.0.1', DATA_DIR = '.data' } = process.env

try {
  const sandbox = await createSandbox({
    port: Number(SANDBOX_PORT),
    host: HOST,
    dataDir: DATA_DIR,
    log: ({ event, ...line }) => console.log(event, ...Object.values(line)),
  })
  console.log(`0-0 sandbox on ${sandbox.url} (samples: ${sandbox.url}/ , Ctrl-C ends it)

${curlLines(sandbox.url).split('\n\n')[0]}
`)
  endOnSignal(sandbox)
} catch (error) {
  console.error(`The sandbox cannot start: ${explain(error)}`)
  process.exitCode = 1
}

function endOnSignal(sandbox: Sandbox): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void sandbox.close())
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `port ${SANDBOX_PORT} is taken; set SANDBOX_PORT to another one`
  }
  return error.message
}
