import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { figure, printTable } from './print.ts'
import { cpuTimeMs, peakResidentMb, residentMb } from './process-figures.ts'
import { startNode, startService, stopNode } from './service.ts'
import type { Settings } from './settings.ts'
import type { Deliveries, SubscribersRequest } from './subscribers.ts'
import { startUpstream } from './upstream-process.ts'
import { TOKEN, ZEROGRAPH } from './zerograph.ts'

/** Measures how one event reaches many subscribers. */
export async function measureFanOut(settings: Settings, directory: string): Promise<void> {
  const connections = settings.isSmoke ? 50 : affordableConnections()
  await using stack = new AsyncDisposableStack()
  const upstream = stack.use(await startUpstream())
  const service = stack.use(
    await startService(ZEROGRAPH, {
      UPSTREAM_URL: upstream.url,
      DATA_DIR: directory,
      MAX_TENANT_SOCKETS: '1000000',
      ASSET_POLL_MIN_MS: '500',
      ASSET_POLL_MAX_MS: '500',
    }),
  )
  const { pid, port } = service
  const before = residentMb(pid)
  const subscribers = startNode(['bench/subscribers.ts'], {}, 'others')
  stack.defer(() => stopNode(subscribers))
  const nextMessage = async () => {
    const [message] = await once(subscribers, 'message', { signal: AbortSignal.timeout(120_000) })
    if (message.error) throw new Error(message.error)
    return message
  }
  subscribers.send({
    port,
    assetId: 'Asset-PENDING-1',
    token: TOKEN,
    connections,
  } satisfies SubscribersRequest)
  await nextMessage()
  await sleep(settings.isSmoke ? 0 : 2_000)
  const eachKb = ((residentMb(pid) - before) * 1_024) / connections
  const cpuBefore = cpuTimeMs(pid)
  const delivered = nextMessage()
  await upstream.control({ pendingStatus: 'Active' })
  const { spreadMs } = (await delivered) as Deliveries
  const cpuMs = cpuTimeMs(pid) - cpuBefore
  await stopNode(subscribers)
  await sleep(settings.isSmoke ? 0 : 1_000)
  printTable(
    `fan-out: ${connections} subscribers of one asset`,
    ['', 'measured', 'goal'],
    [
      ['first to last delivery, ms', figure(spreadMs), '100'],
      ['CPU of the service until the last delivery, ms', figure(cpuMs), ''],
      ['memory per connection, KiB', figure(eachKb, 1), '20'],
      ['memory at its peak, MB', figure(peakResidentMb(pid)), '400'],
    ],
  )
}

/** 10,000, or fewer when a process may not open that many files. */
function affordableConnections(): number {
  if (process.platform !== 'linux') return 2_000
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const maxFiles = Number(/Max open files\s+(\d+)/.exec(limits)?.[1])
  return Math.min(10_000, maxFiles - 500)
}
