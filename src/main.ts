import { enableCompileCache } from 'node:module'
import type { Logger } from 'pino'
import type { App } from './app.ts'
import type { Config } from './config.ts'

const startedAt = performance.now()
// Enabled before other modules are loaded, so that the next start finds their compiled code.
enableCompileCache()
const { pino } = await import('pino')
const { ConfigError, readConfig } = await import('./config.ts')
const { startApp } = await import('./app.ts')
const { createLogDestination } = await import('./telemetry/log-destination.ts')

const config = readConfigOrExit()
const log = await createLogger(config.logLevel)
if (config.identity.mode === 'ANONYMOUS') {
  log.warn('ALLOW_ANONYMOUS=1: anybody who can connect spends the credit of UPSTREAM_API_KEY')
}
const app = await startOrExit()
log.info(
  {
    url: `${app.url}/graphql`,
    ...(config.board && config.publicSchema && { board: `${app.url}/` }),
    upstream: config.upstreamUrl ?? app.sandboxUrl,
    startedInMs: Math.round(performance.now() - startedAt),
  },
  app.sandboxUrl ? 'ready, with a sandbox in place of 0-0' : 'ready',
)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(signal))

/** A second signal has its default action, which ends the process at once. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  log.info({ signal }, 'stopping')
  await app.stop()
  log.info('stopped')
  process.exitCode = 0
}

function readConfigOrExit(): Config {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

async function startOrExit(): Promise<App> {
  try {
    return await startApp(config, log)
  } catch (err) {
    const { code, port } = err as NodeJS.ErrnoException & { port?: number }
    if (code === 'EADDRINUSE')
      log.fatal(`Port ${port} is in use. Choose another port (see README).`)
    else log.fatal({ err }, 'cannot start')
    process.exit(1)
  }
}

/** Creates the logger: JSON lines on standard output, written asynchronously, or a readable format on a terminal. */
async function createLogger(level: Config['logLevel']): Promise<Logger> {
  if (!process.stdout.isTTY) {
    const destination = createLogDestination(1)
    process.once('exit', destination.flushSync)
    return pino({ level }, destination)
  }
  const { default: pretty } = await import('pino-pretty')
  return pino({ level }, pretty({ ignore: 'pid,hostname', sync: true }))
}
