import { Client } from 'undici'

export interface Operation {
  query: string
  variables: Record<string, string>
}

export interface LoadOptions {
  callers: number
  /** Operations that end during this time are not counted. */
  warmUpMs: number
  measuredMs: number
  /** Called after the warm-up. */
  onWarm: () => Promise<void>
}

export interface Load {
  operations: number
  durationMs: number
}

/** Each caller sends one operation after another over its own connection. Throws when a response is an error. */
export async function load(
  url: string,
  operation: () => Operation,
  { callers, warmUpMs, measuredMs, onWarm }: LoadOptions,
): Promise<Load> {
  const clients = Array.from({ length: callers }, () => new Client(url))
  try {
    await askUntil(clients, operation, warmUpMs)
    await onWarm()
    const startedAt = performance.now()
    const operations = await askUntil(clients, operation, measuredMs)
    return { operations, durationMs: performance.now() - startedAt }
  } finally {
    await Promise.all(clients.map((client) => client.destroy()))
  }
}

export async function ask(client: Client, operation: Operation): Promise<string> {
  const { statusCode, body } = await client.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-bench' },
    body: JSON.stringify(operation),
  })
  const text = await body.text()
  if (statusCode !== 200 || text.includes('"errors"')) throw new Error(`${statusCode} ${text}`)
  return text
}

/** Starts operations for `durationMs` and waits for the last ones. Returns how many ended. */
async function askUntil(
  clients: Client[],
  operation: () => Operation,
  durationMs: number,
): Promise<number> {
  const end = performance.now() + durationMs
  let operations = 0
  const callers = clients.map(async (client) => {
    while (performance.now() < end) {
      await ask(client, operation())
      operations += 1
    }
  })
  await Promise.all(callers)
  return operations
}
