import { mkdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { Agent } from 'undici'
import { createAdmin } from './admin.ts'
import { createApi } from './api.ts'
import { createAssetRoutes } from './asset-route.ts'
import { createCallLog } from './call-record.ts'
import { createFaults } from './fault.ts'
import { gatewayError } from './gateway-error.ts'
import { homePage } from './home-page.ts'
import { DEFAULT_PACE, Lifecycle, type Pace } from './lifecycle.ts'
import { MediaWorker } from './media-worker.ts'
import { createPublicFiles } from './public-file.ts'
import { type Sample, samplesAt } from './sample-files.ts'
import { Store } from './store.ts'
import { createTaskRoutes } from './task-route.ts'

/** Where the sandbox listens and stores its data. */
export interface SandboxOptions {
  /** 0 chooses a free port. */
  port: number
  host: string
  /** The SQLite file and all media go into the folder `sandbox` in this one. It is created. */
  dataDir: string
  /** Overrides single values of `DEFAULT_PACE`. */
  pace?: Partial<Pace>
  /** Whether tasks report a progress. The fault `progress` overrides it. Absent: false. */
  reportsProgress?: boolean
  /** Receives a line per request and per finished asset or task. Without it nothing is logged. */
  log?: (line: Record<string, unknown>) => void
}

/** A sandbox that is listening. */
export interface Sandbox {
  /** Without a slash at the end, e.g. `http://127.0.0.1:4010`. */
  url: string
  /** Files that can be registered as assets. */
  samples: Sample[]
  /**
   * Ends all timers, sockets and processes. Unfinished assets and tasks continue at the next start.
   */
  close(): Promise<void>
}

const SAMPLES = fileURLToPath(new URL('./samples', import.meta.url))

/**
 * Starts a local emulation of 0-0: the same REST routes, stored in SQLite, with media that are
 * really fetched, measured and rendered.
 *
 * Rejects when the port is in use (`EADDRINUSE`) or `dataDir` cannot be written.
 */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { port, host, dataDir, reportsProgress = false, log = () => {} } = options
  const pace = { ...DEFAULT_PACE, ...options.pace }
  const directories = {
    sources: join(dataDir, 'sandbox', 'sources'),
    media: join(dataDir, 'sandbox', 'media'),
  }
  await mkdir(directories.sources, { recursive: true })
  await mkdir(directories.media, { recursive: true })

  const store = new Store(join(dataDir, 'sandbox', 'sandbox.db'))
  const worker = new MediaWorker()
  const dispatcher = new Agent()
  const lifecycle = new Lifecycle({ store, worker, pace, directories, dispatcher, log })
  const closing = new AbortController()
  const faults = createFaults()
  const calls = createCallLog()
  const routes = {
    ...createAssetRoutes(store, lifecycle, pace),
    ...createTaskRoutes(store, lifecycle, pace, reportsProgress),
  }

  const app = new Hono()
  app.route('/v1', createApi({ routes, faults, calls, log, closing: closing.signal }))
  app.route('/admin', createAdmin({ calls, faults, store }))
  app.route('/media', createPublicFiles(directories.media))
  app.route('/samples', createPublicFiles(SAMPLES))
  app.get('/', (context) => context.html(homePage(new URL(context.req.url).origin)))
  app.notFound((context) => context.json(gatewayError.notFound('edge').body as object, 404))
  app.onError((error, context) =>
    context.json({ error: `Internal server error: ${error.message}` }, 500),
  )

  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server
  try {
    await listen(server, port, host)
  } catch (error) {
    store.close()
    throw error
  }
  lifecycle.resume()

  const url = urlOf(server.address() as AddressInfo, host)
  return {
    url,
    samples: samplesAt(url),
    close: async () => {
      closing.abort()
      await Promise.all([lifecycle.close(), worker.close(), dispatcher.destroy()])
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      store.close()
    },
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** The URL for this machine: a server on all addresses is reached at the loopback address. */
function urlOf({ port, family }: AddressInfo, host: string): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`
  return family === 'IPv6' && host.includes(':')
    ? `http://[${host}]:${port}`
    : `http://${host}:${port}`
}
