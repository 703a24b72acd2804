import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { fetchMedia } from './fetch-media.ts'
import { assertWithinLimits, MediaError, type MediaKind } from './media-limits.ts'
import type { MediaWorker } from './media-worker.ts'
import type { AssetRow, Store, TaskRow } from './store.ts'
import type { Resource } from './task-input.ts'

/** How long assets and tasks stay in each status before they end, in milliseconds. */
export interface Pace {
  /** Least time in Processing. */
  assetMinMs: number
  /** Most time in Processing, unless fetching takes longer. */
  assetMaxMs: number
  taskQueuedMs: number
  /** Least time in running; rendering may take longer. */
  taskRunningMs: number
}

/** The pace of `npm run sandbox`: quicker than 0-0 (upstream-api 4), so that nobody has to wait. */
export const DEFAULT_PACE: Pace = {
  assetMinMs: 2000,
  assetMaxMs: 4000,
  taskQueuedMs: 2000,
  taskRunningMs: 6000,
}

/** What a `Lifecycle` needs from the rest of the sandbox. */
interface LifecycleOptions {
  store: Store
  worker: MediaWorker
  pace: Pace
  /** The folders of fetched files and of finished clips; they must exist. */
  directories: { sources: string; media: string }
  dispatcher: Dispatcher
  log: (line: Record<string, unknown>) => void
}

/**
 * Processes assets and tasks in the background, from creation to a terminal status (upstream-api
 * 4), and writes each change of status to the store. The caller does not wait for it.
 *
 * A failure of fetching, checking or rendering becomes a status of the asset or task. An unexpected
 * error, such as a full disk under the database, is logged and leaves the status as it is.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  /** Continues the assets and tasks that were not finished when the sandbox last stopped. */
  resume(): void {
    const { assets, taskIds } = this.#options.store.listUnfinished()
    for (const asset of assets) this.processAsset(asset)
    for (const id of taskIds) this.processTask(id)
  }

  /** Starts to process a stored asset. */
  processAsset(asset: AssetRow): void {
    this.#runInBackground(this.#finishAsset(asset), { event: 'asset', id: asset.id })
  }

  /** Starts to process a stored task. */
  processTask(id: string): void {
    this.#runInBackground(this.#finishTask(id), { event: 'task', id })
  }

  /** Stops all background work and waits for its end. Unfinished rows stay unfinished. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running)
  }

  #runInBackground(work: Promise<string>, line: { event: string; id: string }): void {
    const { log } = this.#options
    const tracked = work
      .then((outcome) => log({ ...line, outcome }))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) log({ ...line, outcome: 'error', error: String(error) })
      })
      .finally(() => this.#running.delete(tracked))
    this.#running.add(tracked)
  }

  /** Returns the outcome for the log. */
  async #finishAsset(asset: AssetRow): Promise<string> {
    const { store } = this.#options
    if (asset.fate === 'Processing') return 'stays Processing (fault)'
    const result = await this.#fetchAsset(asset)
    await this.#sleepUntil(asset.settleAt)
    if ('file' in result) {
      store.activateAsset(asset.id, result.file)
      return 'Active'
    }
    store.failAsset(asset.id, result.code, result.message)
    return `Failed: ${result.code}`
  }

  /** Fetches and checks the file of an asset. Returns the file name, or why the asset fails. */
  async #fetchAsset({ url, type, fate }: AssetRow): Promise<{ file: string } | MediaError> {
    try {
      if (fate !== null) throw new MediaError(fate, 'asked for by a fault')
      return { file: await this.#fetch(url, type as MediaKind) }
    } catch (error) {
      if (error instanceof MediaError) return error
      this.#closing.signal.throwIfAborted()
      return new MediaError('InternalServiceError', String(error))
    }
  }

  /** Returns the outcome for the log. */
  async #finishTask(id: string): Promise<string> {
    const { store, pace } = this.#options
    const task = store.findTask(id) as TaskRow
    await this.#sleepUntil(task.startAt)
    if (task.fate !== null && task.fate !== 'running') {
      store.finishTask(id, { status: task.fate, failure: task.failure, video: null })
      return task.fate
    }
    store.startTask(id)
    if (task.fate === 'running') return 'stays running (fault)'
    const started = Date.now()
    try {
      const video = await this.#render(task)
      await this.#sleepUntil(started + pace.taskRunningMs)
      store.finishTask(id, { status: 'succeeded', failure: null, video })
      return 'succeeded'
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      const failure =
        error instanceof MediaError ? `${error.code}: ${error.message}` : String(error)
      store.finishTask(id, { status: 'failed', failure, video: null })
      return `failed: ${failure}`
    }
  }

  /** Renders the clip of a task. Returns the file name. */
  async #render({ id, account, input }: TaskRow): Promise<string> {
    const { worker, directories } = this.#options
    const files = new Map<Resource, string>()
    for (const resource of input.resources) {
      files.set(resource, await this.#findOrFetch(resource, account))
    }
    const pathOf = (role: string) => {
      const resource = input.resources.find((one) => one.role === role && one.type === 'image')
      return resource ? join(directories.sources, files.get(resource) as string) : null
    }
    const video = `${id}.mp4`
    await worker.render({
      first: pathOf('first_frame') ?? pathOf('reference') ?? pathOf('keyframe') ?? pathOf('source'),
      last: pathOf('last_frame'),
      caption: input.prompt,
      quality: input.quality,
      ratio: input.ratio,
      durationS: input.duration > 0 ? input.duration : 5,
      output: join(directories.media, video),
    })
    return video
  }

  /** Returns the name of the file of a resource; a resource given by URL is fetched first. */
  async #findOrFetch({ type, source }: Resource, account: string): Promise<string> {
    if (source.kind === 'asset') {
      return this.#options.store.findAsset(source.value, account)?.file as string
    }
    const kinds = { image: 'Image', video: 'Video', audio: 'Audio' } as const
    return this.#fetch(source.value, kinds[type])
  }

  /** Fetches a file and throws a MediaError when it exceeds the limits of its type. */
  async #fetch(url: string, type: MediaKind): Promise<string> {
    const { worker, dispatcher, directories } = this.#options
    const signal = this.#closing.signal
    const file = await fetchMedia(url, { directory: directories.sources, dispatcher, signal })
    assertWithinLimits(await worker.probe(join(directories.sources, file)), type)
    return file
  }

  /** Sleeps until a time in Unix milliseconds. Throws when the sandbox closes. */
  async #sleepUntil(time: number): Promise<void> {
    const { signal } = this.#closing
    signal.throwIfAborted()
    await sleep(Math.max(0, time - Date.now()), undefined, { signal })
  }
}
