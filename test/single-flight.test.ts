import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createSingleFlight } from '../src/resolvers/single-flight.ts'

/** Work that ends when the test says so, and remembers how it was started. */
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

test('those who ask for one key at the same time share one attempt; other keys do not', async () => {
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

test('who asks after an attempt has ended starts another, also when it failed', async () => {
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

test('all who share an attempt get its failure', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const asking = [share('a', undefined, work), share('a', undefined, work)]

  starts[0]?.fail(new Error('broken'))

  const results = await Promise.allSettled(asking)
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('one who leaves is rejected with the reason, and takes nobody with it', async () => {
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

test('the attempt is aborted with the reason of the last who leaves, and the next starts another', async () => {
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

test('an attempt that has ended is not aborted by who leaves later', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const leaving = new AbortController()
  const asked = share('a', leaving.signal, work)
  starts[0]?.end('one')
  await asked

  leaving.abort()

  expect(starts[0]?.signal.aborted).toBe(false)
})

test('who has left before asking starts nothing', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()

  await expect(share('a', AbortSignal.abort(new Error('gone')), work)).rejects.toThrow('gone')

  expect(starts).toEqual([])
})

test('nothing is left listening to a caller that has its answer', async () => {
  const { share } = createSingleFlight()
  const { starts, work } = startable()
  const { signal } = new AbortController()
  const asked = share('a', signal, work)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)

  starts[0]?.end('one')
  await asked

  expect(getEventListeners(signal, 'abort')).toEqual([])
})
