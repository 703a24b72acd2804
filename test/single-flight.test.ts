import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createSingleFlight } from '../src/resolvers/single-flight.ts'

/** Work that the test ends by hand, and a record of its starts. */
function startable() {
  const starts: {
    signal: AbortSignal
    end: (value: string) => void
    fail: (error: Error) => void
  }[] = []
  const work = (signal: AbortSignal) =>
    new Promise<string>((end, fail) => starts.push({ signal, end, fail }))
  return { starts, work }
}

test('concurrent callers of the same key share one attempt, and other keys do not', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()

  const asking = [share('a', undefined, work), share('a', undefined, work)]
  const other = share('b', undefined, work)
  expect(starts).toHaveLength(2)
  starts[0]?.end('one')
  starts[1]?.end('two')

  expect(await Promise.all(asking)).toEqual(['one', 'one'])
  expect(await other).toBe('two')
})

test('a call after an attempt has ended or failed starts another attempt', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const first = share('a', undefined, work)
  starts[0]?.end('one')
  await first

  const second = share('a', undefined, work)
  starts[1]?.fail(new Error('broken'))
  await expect(second).rejects.toThrow('broken')
  const third = share('a', undefined, work)
  starts[2]?.end('three')

  expect(await third).toBe('three')
})

test('all callers that share an attempt get its error', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const asking = [share('a', undefined, work), share('a', undefined, work)]

  starts[0]?.fail(new Error('broken'))

  const results = await Promise.allSettled(asking)
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('an aborted caller is rejected with its reason, and other callers are not', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const leaving = new AbortController()
  const left = share('a', leaving.signal, work)
  const stays = share('a', new AbortController().signal, work)

  leaving.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  expect(starts[0]?.signal.aborted).toBe(false)
  const joins = share('a', undefined, work)
  starts[0]?.end('one')

  expect(await Promise.all([stays, joins])).toEqual(['one', 'one'])
  expect(starts).toHaveLength(1)
})

test('the attempt is aborted when its last caller aborts, and the next call starts another', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const [first, last] = [new AbortController(), new AbortController()]
  const asking = [share('a', first.signal, work), share('a', last.signal, work)]
  const results = Promise.allSettled(asking)

  first.abort(new Error('first'))
  last.abort(new Error('last'))
  await results

  expect(starts[0]?.signal.reason).toEqual(new Error('last'))
  const next = share('a', undefined, work)
  expect(starts).toHaveLength(2)
  starts[0]?.end('old')
  await new Promise(setImmediate)
  const joins = share('a', undefined, work)
  expect(starts).toHaveLength(2)
  starts[1]?.end('new')
  expect(await Promise.all([next, joins])).toEqual(['new', 'new'])
})

test('an ended attempt is not aborted by a later abort of its caller', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const leaving = new AbortController()
  const asked = share('a', leaving.signal, work)
  starts[0]?.end('one')
  await asked

  leaving.abort()

  expect(starts[0]?.signal.aborted).toBe(false)
})

test('a caller that is already aborted starts no attempt', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()

  await expect(share('a', AbortSignal.abort(new Error('gone')), work)).rejects.toThrow('gone')

  expect(starts).toEqual([])
})

test('the abort listener is removed when the caller has its result', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const { signal } = new AbortController()
  const asked = share('a', signal, work)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)

  starts[0]?.end('one')
  await asked

  expect(getEventListeners(signal, 'abort')).toEqual([])
})
