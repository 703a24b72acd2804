import { once } from 'node:events'
import type { LoadRequest, LoadResult } from './load.ts'
import { startNode, stopNode } from './service.ts'

/** How long the last operations of a run may take. */
const MAX_EXTRA_MS = 30_000

/** The load generator, in a process of its own. */
export interface LoadProcess extends AsyncDisposable {
  /** Throws when a response is not 200 or contains errors. Only one run at a time. */
  run(request: LoadRequest): Promise<LoadResult>
}

/** Starts the load generator. */
export function startLoad(): LoadProcess {
  const child = startNode(['bench/load.ts'], {}, 'others')
  return {
    async run(request) {
      child.send(request)
      const [{ result, error }] = await once(child, 'message', {
        signal: AbortSignal.timeout(request.durationMs + MAX_EXTRA_MS),
      })
      if (error !== undefined)
        throw new Error(`Port ${request.port}, ${request.operation}: ${error}`)
      return result
    },
    [Symbol.asyncDispose]: () => stopNode(child),
  }
}
