import { buildSchema, parse } from 'graphql'
import { expect, test } from 'vitest'
import { createSharedEvents } from '../src/execution/shared-events.ts'

const schema = buildSchema('type Query { a: Int } type Subscription { changed(id: ID): Int }')
const document = parse('subscription S($id: ID) { changed(id: $id) }')

/** Execution arguments whose event calls `resolve`. */
function start(resolve: () => number, variableValues: Record<string, unknown> = { id: '1' }) {
  const event = { changed: resolve }
  return { event, args: { schema, document, variableValues, contextValue: {} } }
}

test('subscribers with the same subscription share one execution and one result', async () => {
  const events = createSharedEvents()
  let executions = 0
  const { event, args } = start(() => ++executions)
  const name = events.nameOf('tenant', args)

  const results = await Promise.all([1, 2, 3].map(() => events.execute(name, event, args)))

  expect(executions).toBe(1)
  expect(results[0]).toEqual({ data: { changed: 1 } })
  expect(new Set(results).size).toBe(1)
})

test('another event is executed for itself', async () => {
  const events = createSharedEvents()
  const { event, args } = start(() => 1)
  const name = events.nameOf('tenant', args)
  await events.execute(name, event, args)

  expect(await events.execute(name, { changed: () => 2 }, args)).toEqual({ data: { changed: 2 } })
})

test('a result with errors is not shared', async () => {
  const events = createSharedEvents()
  let executions = 0
  const { event, args } = start(() => {
    executions += 1
    if (executions === 1) throw new Error('the first subscriber has left')
    return executions
  })
  const name = events.nameOf('tenant', args)

  const [first, second] = await Promise.all([
    events.execute(name, event, args),
    events.execute(name, event, args),
  ])

  expect(first.errors).toHaveLength(1)
  expect(second).toEqual({ data: { changed: 2 } })
})

test('a subscription is named by its tenant, document, operation and variables', () => {
  const { nameOf } = createSharedEvents()
  const { args } = start(() => 1)
  const names = [
    nameOf('tenant', args),
    nameOf('other', args),
    nameOf(null, args),
    nameOf('tenant', { ...args, variableValues: { id: '2' } }),
    nameOf('tenant', { ...args, operationName: 'S' }),
    nameOf('tenant', { ...args, document: parse('subscription S($id: ID) { changed(id: $id) }') }),
  ]

  expect(new Set(names).size).toBe(names.length)
  expect(nameOf('tenant', { ...args, variableValues: { id: '1' } })).toBe(names[0])
})
