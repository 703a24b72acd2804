import { temporaryFolder } from './app.ts'
import { databaseFor, SECRET_KEY } from './engine.ts'
import { type ServiceProcess, startProcess } from './process.ts'

/** Returns settings with which several processes share an empty PostgreSQL database. */
export async function sharedDatabase(upstream: { url: string }) {
  return {
    UPSTREAM_URL: upstream.url,
    DATABASE_URL: await databaseFor(temporaryFolder()),
    SECRET_KEY,
    DATA_DIR: temporaryFolder(),
  }
}

/** Starts two processes with the same settings. */
export async function startTwo(
  settings: Record<string, string>,
): Promise<{ a: ServiceProcess; b: ServiceProcess }> {
  const [a, b] = await Promise.all([startProcess(settings), startProcess(settings)])
  return { a, b }
}
