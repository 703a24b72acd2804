import sharp from 'sharp'
import { MediaError } from './limits.ts'
import { probe } from './probe.ts'
import { render } from './render.ts'
import type { StudioAnswer, StudioJob } from './studio.ts'

sharp.concurrency(1)
sharp.cache(false)

const ended = new AbortController()
let lastRender: Promise<unknown> = Promise.resolve()

process.on('message', (job: StudioJob) => void answer(job))
process.on('disconnect', () => ended.abort())
// Ctrl-C reaches the whole family; when to end is for the parent to say.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

async function answer(job: StudioJob): Promise<void> {
  try {
    tell({ id: job.id, value: await perform(job) })
  } catch (error) {
    const { code, message } =
      error instanceof MediaError ? error : { code: null, message: String(error) }
    tell({ id: job.id, error: { code, message } })
  }
}

/** Probes run at once, renders one after the other. */
function perform(job: StudioJob): Promise<unknown> {
  if (job.kind === 'probe') return probe(job.path)
  const turn = lastRender.then(() => render(job.order, ended.signal))
  lastRender = turn.catch(() => {})
  return turn
}

function tell(answer: StudioAnswer): void {
  if (process.connected) process.send?.(answer)
}
