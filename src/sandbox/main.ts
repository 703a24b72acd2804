import { curlCommands } from './home-page.ts'
import { createSandbox, type Sandbox } from './server.ts'

const { SANDBOX_PORT = '4010', HOST = '127.0.0.1', DATA_DIR = '.data' } = process.env

try {
  const sandbox = await createSandbox({
    port: Number(SANDBOX_PORT),
    host: HOST,
    dataDir: DATA_DIR,
    reportsProgress: true,
    log: ({ event, ...line }) => console.log(event, ...Object.values(line)),
  })
  console.log(`0-0 sandbox at ${sandbox.url} (samples: ${sandbox.url}/ , press Ctrl-C to stop)

${curlCommands(sandbox.url).split('\n\n')[0]}
`)
  closeOnSignal(sandbox)
} catch (error) {
  console.error(`The sandbox cannot start: ${describeError(error)}`)
  process.exitCode = 1
}

function closeOnSignal(sandbox: Sandbox): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void sandbox.close())
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `port ${SANDBOX_PORT} is taken; set SANDBOX_PORT to another one`
  }
  return error.message
}
