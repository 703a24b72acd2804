import { serverAudits } from 'graphql-http'
import { expect, test } from 'vitest'
import { startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const SHOWN_OF_A_BODY = 500

const names = serverAudits({ url: '' }).map(({ name, id }) => [name, id] as const)

test('the GraphQL over HTTP audit has 61 points', () => {
  expect(names).toHaveLength(61)
})

// Recommended and optional rules of the specification are required too: a warning fails like an error.
test.each(names)('%s (%s)', async (_name, id) => {
  const upstream = await scriptUpstream()
  const { url } = await startApp({ UPSTREAM_URL: upstream.url })
  const audit = serverAudits({ url: `${url}/graphql` }).find((audit) => audit.id === id)

  const result = await audit?.fn()
  // Its documents are cached now, so that queries are executed without Yoga.
  const again = await audit?.fn()

  expect(result?.status, await explain(result)).toBe('ok')
  expect(again?.status, await explain(again)).toBe('ok')
})

type Result = Awaited<ReturnType<ReturnType<typeof serverAudits>[number]['fn']>>

async function explain(result: Result | undefined): Promise<string> {
  if (result === undefined || result.status === 'ok') return ''
  const { reason, response } = result
  const body = response.bodyUsed ? '' : await response.text()
  return `${reason}; it was ${response.status} ${body.slice(0, SHOWN_OF_A_BODY)}`
}
