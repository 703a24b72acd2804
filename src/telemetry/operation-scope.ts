import { AsyncLocalStorage } from 'node:async_hooks'
import type { RunningOperation } from './running-operation.ts'

/** Associates asynchronous work with the operation it runs for. */
export interface OperationScope {
  /** Returns the operation that the present code runs for; undefined outside of any operation. */
  current(): RunningOperation | undefined
  /** Runs `work` in the scope of the operation, and returns what it returns. */
  run<T>(running: RunningOperation, work: () => T): T
  /** Returns `work` so that it runs in the scope of the operation. When `work` throws, the operation ends. */
  wrap<Args extends unknown[], T>(
    running: RunningOperation,
    work: (...args: Args) => T | Promise<T>,
  ): (...args: Args) => Promise<T>
  /** Returns `stream` so that each event is produced in the scope of the operation. The end of the stream ends it. */
  wrapStream(running: RunningOperation, stream: AsyncIterable<unknown>): AsyncIterable<unknown>
}

/**
 * Creates a scope that uses AsyncLocalStorage. A map by request id would not work, because callers choose request ids
 * and two callers may choose the same one. A parameter would have to pass through every layer down to the upstream
 * client.
 */
export function createOperationScope(): OperationScope {
  const storage = new AsyncLocalStorage<RunningOperation>()
  const wrap: OperationScope['wrap'] =
    (running, work) =>
    async (...args) => {
      try {
        return await storage.run(running, () => work(...args))
      } catch (error) {
        running.addErrors([error])
        running.end()
        throw error
      }
    }

  return {
    current: () => storage.getStore(),
    run: (running, work) => storage.run(running, work),
    wrap,
    wrapStream(running, stream) {
      // An event is produced in the asynchronous context of the consumer that requests it.
      const iterator = stream[Symbol.asyncIterator]()
      const requestNext = wrap(running, () => iterator.next())
      const close = wrap(running, async () => iterator.return?.())
      return {
        [Symbol.asyncIterator]: () => ({
          async next() {
            const result = await requestNext()
            if (result.done) running.end()
            else running.addEvent(result.value)
            return result
          },
          async return() {
            running.end()
            return (await close()) ?? { done: true, value: undefined }
          },
        }),
      }
    },
  }
}
