import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type Media, MediaError } from './media-limits.ts'
import type { RenderOptions } from './render.ts'

/** A message to the worker process. */
export type WorkerJob = { id: number } & (
  | { kind: 'probe'; path: string }
  | { kind: 'render'; options: RenderOptions }
)
/** A message from the worker process. `id` is that of the job; `code` is that of a MediaError. */
export type WorkerResult = { id: number } & (
  | { value: unknown }
  | { error: { code: string | null; message: string } }
)

/** Both have defaults; tests replace them. */
interface MediaWorkerOptions {
  /** The module that the worker process runs. */
  workerUrl?: URL
  /** How long the process stays without a job; 5000 by default. */
  idleMs?: number
}

/** How long a process may take to exit before it is killed. */
const EXIT_TIMEOUT_MS = 5000

/**
 * Probes media files and renders clips in a child process. The process starts with the first job
 * and ends when it has been idle for `idleMs`.
 *
 * A process and not a thread, because only the end of a process frees all memory of the image and
 * video libraries. A crash in their native code ends the child process only: the jobs in progress
 * reject and the next job starts a new process.
 */
export class MediaWorker {
  readonly #workerUrl: URL
  readonly #idleMs: number
  readonly #processes = new Set<ChildProcess>()
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>()
  #current: ChildProcess | null = null
  #idleTimer: NodeJS.Timeout | undefined
  #lastId = 0
  #closed = false

  constructor({ workerUrl, idleMs = 5000 }: MediaWorkerOptions = {}) {
    this.#workerUrl = workerUrl ?? new URL('./media-worker-process.ts', import.meta.url)
    this.#idleMs = idleMs
  }

  /** Measures a file. Throws a MediaError when it is neither image, video nor audio, or damaged. */
  async probe(path: string): Promise<Media> {
    return (await this.#perform((id) => ({ id, kind: 'probe', path }))) as Media
  }

  /** Writes a clip to `options.output`. Clips are rendered one after the other. */
  async render(options: RenderOptions): Promise<void> {
    await this.#perform((id) => ({ id, kind: 'render', options }))
  }

  /** Rejects all pending jobs and resolves when the process has ended. Later jobs reject. */
  async close(): Promise<void> {
    this.#closed = true
    this.#disconnect()
    this.#rejectPending('the sandbox is closing')
    await Promise.all([...this.#processes].map(waitForExit))
  }

  #perform(jobOf: (id: number) => WorkerJob): Promise<unknown> {
    if (this.#closed) return Promise.reject(new Error('the sandbox is closing'))
    clearTimeout(this.#idleTimer)
    this.#lastId += 1
    const result = Promise.withResolvers<unknown>()
    this.#pending.set(this.#lastId, result)
    this.#current ??= this.#start()
    this.#current.send(jobOf(this.#lastId))
    return result.promise
  }

  #start(): ChildProcess {
    const child = fork(this.#workerUrl, {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#processes.add(child)
    child.on('message', (result: WorkerResult) => this.#complete(result))
    const end = (reason: string) => {
      this.#processes.delete(child)
      if (this.#current !== child) return
      this.#current = null
      this.#rejectPending(`the worker is gone (${reason})`)
    }
    child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    child.on('error', (error) => end(error.message))
    return child
  }

  #complete(result: WorkerResult): void {
    const job = this.#pending.get(result.id)
    this.#pending.delete(result.id)
    if (!('error' in result)) job?.resolve(result.value)
    else if (result.error.code === null) job?.reject(new Error(result.error.message))
    else job?.reject(new MediaError(result.error.code, result.error.message))
    if (this.#pending.size === 0 && !this.#closed) {
      this.#idleTimer = setTimeout(() => this.#disconnect(), this.#idleMs)
    }
  }

  #rejectPending(reason: string): void {
    for (const job of this.#pending.values()) job.reject(new Error(reason))
    this.#pending.clear()
  }

  /** Closes the channel to the process, which then ends by itself. */
  #disconnect(): void {
    clearTimeout(this.#idleTimer)
    if (this.#current?.connected) this.#current.disconnect()
    this.#current = null
  }
}

/** Resolves when the process has exited. Kills it when it takes longer than 5 seconds. */
async function waitForExit(child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_TIMEOUT_MS)
  await once(child, 'exit')
  clearTimeout(timer)
}
