import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import type { Pace } from '../../src/sandbox/lifecycle.ts'
import { createSandbox } from '../../src/sandbox/server.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests assert on the shape of each response.
export type Json = any

export interface TestSandbox {
  url: string
  dataDir: string
  /** Calls a route with a key and returns the response. */
  call(request: string, body?: unknown, options?: CallOptions): Promise<Answer>
  /** Replaces all faults with these. */
  fault(faults: unknown): Promise<void>
  /** Polls until `done` returns true. Throws after ten seconds. */
  poll(path: string, done: (body: Json) => boolean): Promise<Json>
  createGroup(): Promise<string>
  /** Registers a sample or any URL and waits until it is no longer Processing. */
  registerAsset(source: string, type?: string): Promise<Json>
  close(): Promise<void>
}

export interface CallOptions {
  /** Null sends no key. */
  key?: string | null
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Headers
  body: Json
}

const QUICK: Pace = { assetMinMs: 10, assetMaxMs: 20, taskQueuedMs: 10, taskRunningMs: 10 }

/** Starts a sandbox on a free port. It stops, and its folder is deleted, when the test ends. */
export async function startSandbox(
  pace: Partial<Pace> = {},
  dataDir = temporaryFolder(),
  reportsProgress = false,
): Promise<TestSandbox> {
  const sandbox = await createSandbox({
    port: 0,
    host: '127.0.0.1',
    dataDir,
    pace: { ...QUICK, ...pace },
    reportsProgress,
  })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= sandbox.close()
    return closed
  }
  onTestFinished(close)

  const call: TestSandbox['call'] = async (request, body, { key = 'sk-test', headers } = {}) => {
    const [method = 'GET', path = '/'] = request.split(' ')
    const response = await fetch(sandbox.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    }
  }
  const poll: TestSandbox['poll'] = async (path, done) => {
    const deadline = Date.now() + 10_000
    for (;;) {
      const { body } = await call(`GET ${path}`)
      if (done(body)) return body
      if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(body)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const createGroup = async () => {
    const { body } = await call('POST /v1/asset-groups', { platform: 'JIMENG', name: 'group' })
    return body.data.group_id
  }
  return {
    url: sandbox.url,
    dataDir,
    call,
    poll,
    createGroup,
    close,
    fault: async (faults) => {
      const { status, body } = await call('PUT /admin/faults', faults)
      if (status !== 200) throw new Error(body.problem)
    },
    registerAsset: async (source, type = 'Image') => {
      const created = await call('POST /v1/assets', {
        platform: 'JIMENG',
        group_id: await createGroup(),
        url: source.startsWith('http') ? source : `${sandbox.url}/samples/${source}`,
        asset_type: type,
      })
      const { asset_id: id } = created.body.data
      const { data } = await poll(`/v1/assets/${id}`, (body) => body.data.status !== 'Processing')
      return data
    },
  }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/** The number of rows in a table of the sandbox in `dataDir`. It shows what was created, independent of the responses. */
export function countRows(dataDir: string, table: 'asset_group' | 'task'): number {
  const database = new DatabaseSync(join(dataDir, 'sandbox', 'sandbox.db'), { readOnly: true })
  try {
    return Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.count)
  } finally {
    database.close()
  }
}
