import { type Service, startService } from './service.ts'

/** The simulated 0-0 in a process of its own. */
export interface UpstreamProcess extends AsyncDisposable {
  url: string
  /** Sets what is given. Returns the number of calls since the last call of this function. */
  control(parameters?: { latencyMs?: number; pendingStatus?: string }): Promise<number>
}

/** Starts the simulated 0-0. */
export async function startUpstream(): Promise<UpstreamProcess> {
  const service: Service = await startService(['bench/upstream.ts'], {}, 'others')
  return {
    url: service.url,
    async control(parameters = {}) {
      const search = new URLSearchParams(
        Object.entries(parameters).map(([name, value]) => [name, String(value)]),
      )
      const response = await fetch(`${service.url}/control?${search}`)
      const { calls } = (await response.json()) as { calls: number }
      return calls
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}
