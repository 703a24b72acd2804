import sharp from 'sharp'
import { MediaError } from './media-limits.ts'
import type { WorkerJob, WorkerResult } from './media-worker.ts'
import { probe } from './probe.ts'
import { render } from './render.ts'

sharp.concurrency(1)
sharp.cache(false)

const disconnected = new AbortController()
let lastRender: Promise<unknown> = Promise.resolve()

process.on('message', (job: WorkerJob) => void run(job))
process.on('disconnect', () => disconnected.abort())
// Ctrl-C sends SIGINT to all processes of the terminal. The parent decides when this one ends.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

async function run(job: WorkerJob): Promise<void> {
  try {
    sendResult({ id: job.id, value: await perform(job) })
  } catch (error) {
    const { code, message } =
      error instanceof MediaError ? error : { code: null, message: String(error) }
    sendResult({ id: job.id, error: { code, message } })
  }
}

/** Probes start at once. Renders run one after the other. */
function perform(job: WorkerJob): Promise<unknown> {
  if (job.kind === 'probe') return probe(job.path)
  const rendered = lastRender.then(() => render(job.options, disconnected.signal))
  lastRender = rendered.catch(() => {})
  return rendered
}

function sendResult(result: WorkerResult): void {
  if (process.connected) process.send?.(result)
}
