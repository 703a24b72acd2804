import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type Media, MediaError } from './limits.ts'
import type { RenderOrder } from './render.ts'

export type StudioJob = { id: number } & (
  | { kind: 'probe'; path: string }
  | { kind: 'render'; order: RenderOrder }
)
export type StudioAnswer = { id: number } & (
  | { value: unknown }
  | { error: { code: string | null; message: string } }
)

export interface StudioOptions {
  workerUrl?: URL
  idleMs?: number
}

const END_TIMEOUT_MS = 5000

/**
 * Looks at media and renders clips in a worker process, which is there only while there is work.
 *
 * Not a thread: the image and video libraries weigh more than everything else together, and only a
 * process gives all of that memory back. A crash in native code ends with it, too.
 */
export class Studio {
  readonly #workerUrl: URL
  readonly #idleMs: number
  readonly #workers = new Set<ChildProcess>()
  readonly #jobs = new Map<number, PromiseWithResolvers<unknown>>()
  #current: ChildProcess | null = null
  #idleTimer: NodeJS.Timeout | undefined
  #lastId = 0
  #closed = false

  constructor({ workerUrl, idleMs = 5000 }: StudioOptions = {}) {
    this.#workerUrl = workerUrl ?? new URL('./studio-worker.ts', import.meta.url)
    this.#idleMs = idleMs
  }

  /** Throws a MediaError for a file that is no media. */
  async probe(path: string): Promise<Media> {
    return (await this.#perform((id) => ({ id, kind: 'probe', path }))) as Media
  }

  /** Renders one order after the other. */
  async render(order: RenderOrder): Promise<void> {
    await this.#perform((id) => ({ id, kind: 'render', order }))
  }

  /** Work at hand is given up: its promises reject. */
  async close(): Promise<void> {
    this.#closed = true
    this.#endCurrent()
    this.#giveUp('the sandbox is closing')
    await Promise.all([...this.#workers].map(exitOf))
  }

  #perform(jobOf: (id: number) => StudioJob): Promise<unknown> {
    if (this.#closed) return Promise.reject(new Error('the sandbox is closing'))
    clearTimeout(this.#idleTimer)
    this.#lastId += 1
    const answer = Promise.withResolvers<unknown>()
    this.#jobs.set(this.#lastId, answer)
    this.#current ??= this.#start()
    this.#current.send(jobOf(this.#lastId))
    return answer.promise
  }

  #start(): ChildProcess {
    const worker = fork(this.#workerUrl, {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#workers.add(worker)
    worker.on('message', (answer: StudioAnswer) => this.#settle(answer))
    const end = (reason: string) => {
      this.#workers.delete(worker)
      if (this.#current !== worker) return
      this.#current = null
      this.#giveUp(`the worker is gone (${reason})`)
    }
    worker.on('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    worker.on('error', (error) => end(error.message))
    return worker
  }

  #settle(answer: StudioAnswer): void {
    const job = this.#jobs.get(answer.id)
    this.#jobs.delete(answer.id)
    if (!('error' in answer)) job?.resolve(answer.value)
    else if (answer.error.code === null) job?.reject(new Error(answer.error.message))
    else job?.reject(new MediaError(answer.error.code, answer.error.message))
    if (this.#jobs.size === 0 && !this.#closed) {
      this.#idleTimer = setTimeout(() => this.#endCurrent(), this.#idleMs)
    }
  }

  #giveUp(reason: string): void {
    for (const job of this.#jobs.values()) job.reject(new Error(reason))
    this.#jobs.clear()
  }

  /** A worker ends by itself when the channel to it closes. */
  #endCurrent(): void {
    clearTimeout(this.#idleTimer)
    if (this.#current?.connected) this.#current.disconnect()
    this.#current = null
  }
}

/** Resolves when the worker is gone, which is helped along if it does not go by itself. */
async function exitOf(worker: ChildProcess): Promise<void> {
  const timer = setTimeout(() => worker.kill('SIGKILL'), END_TIMEOUT_MS)
  await once(worker, 'exit')
  clearTimeout(timer)
}
