import { createHash, randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dispatcher } from 'undici'
import { request } from 'undici'
import { MediaError } from './media-limits.ts'

const MAX_BYTES = 30 * 1024 * 1024
const TIMEOUT_MS = 10_000
const MAX_REDIRECTS = 3
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Where and how to fetch. */
interface FetchOptions {
  /** The folder for the fetched file; it must exist. */
  directory: string
  dispatcher: Dispatcher
  /** Ends the download when the sandbox closes. */
  signal: AbortSignal
}

/**
 * Fetches an http or https URL into `directory`. Returns the name of the file: the SHA-256 of its
 * content in hexadecimal.
 *
 * The limits are 30 MB, 10 seconds and three redirects. Throws a MediaError when the download fails
 * or exceeds a limit, the reason of `signal` when it aborts, and file system errors unchanged.
 */
export async function fetchMedia(url: string, options: FetchOptions): Promise<string> {
  const partialPath = join(options.directory, `${randomUUID()}.part`)
  const hash = createHash('sha256')
  try {
    const file = await open(partialPath, 'wx')
    try {
      for await (const chunk of download(url, options)) {
        hash.update(chunk)
        await file.write(chunk)
      }
    } finally {
      await file.close()
    }
    const name = hash.digest('hex')
    await rename(partialPath, join(options.directory, name))
    return name
  } catch (error) {
    await rm(partialPath, { force: true }).catch(() => {})
    throw error
  }
}

async function* download(
  url: string,
  { dispatcher, signal }: FetchOptions,
): AsyncGenerator<Uint8Array> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  let sizeBytes = 0
  try {
    for await (const chunk of await requestWithRedirects(url, dispatcher, deadline)) {
      sizeBytes += chunk.length
      if (sizeBytes > MAX_BYTES) throw new MediaError('FileSizeTooLarge', 'more than 30 MB')
      yield chunk
    }
  } catch (error) {
    if (error instanceof MediaError || signal.aborted) throw error
    throw new MediaError('DownloadFailed', describeError(error), { cause: error })
  }
  if (sizeBytes === 0) throw new MediaError('DownloadFailed', 'the URL gave an empty body')
}

/** Returns the body of the first response that is not a redirect. */
async function requestWithRedirects(
  url: string,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  let target = new URL(url)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const { statusCode, headers, body } = await request(target, { dispatcher, signal })
    if (statusCode >= 200 && statusCode < 300) return body
    body.on('error', () => {}).destroy()
    const location = headers.location
    if (!REDIRECTS.has(statusCode) || typeof location !== 'string') {
      throw new MediaError('DownloadFailed', `the URL answered HTTP ${statusCode}`)
    }
    target = new URL(location, target)
  }
  throw new MediaError('DownloadFailed', `more than ${MAX_REDIRECTS} redirects`)
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return 'the URL cannot be fetched'
  if (error.name === 'TimeoutError') return `no complete answer within ${TIMEOUT_MS / 1000} s`
  return 'code' in error ? `the URL cannot be fetched (${error.code})` : error.message
}
