import { createHash } from 'node:crypto'
import { type DocumentNode, type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import { withEventId } from './event-id.ts'

/** Executes events of subscriptions, once for all that ask for the same result. */
export interface SharedEvents {
  /** The name of a subscription: the same for the same document, operation, variables and tenant. */
  nameOf(tenant: string | null, args: ExecutionArgs): string
  /**
   * Returns the result of the named subscription for an event. Subscribers that get the same event object share one
   * execution, and one result object. A result with errors is not shared, because it may be about one subscriber: its
   * connection may have closed during the execution.
   */
  execute(name: string, event: object, args: ExecutionArgs): Promise<ExecutionResult>
}

/** Creates the shared events of one handler. */
export function createSharedEvents(): SharedEvents {
  const documents = new WeakMap<DocumentNode, number>()
  const results = new WeakMap<object, Map<string, Promise<ExecutionResult>>>()
  let lastDocument = 0

  function numberOf(document: DocumentNode): number {
    const known = documents.get(document)
    if (known !== undefined) return known
    lastDocument += 1
    documents.set(document, lastDocument)
    return lastDocument
  }

  function resultsOf(event: object): Map<string, Promise<ExecutionResult>> {
    const known = results.get(event)
    if (known) return known
    const created = new Map<string, Promise<ExecutionResult>>()
    results.set(event, created)
    return created
  }

  return {
    nameOf(tenant, { document, operationName, variableValues }) {
      const parts = [tenant, numberOf(document), operationName ?? null, variableValues ?? null]
      return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
    },

    async execute(name, event, args) {
      const shared = resultsOf(event)
      const known = shared.get(name)
      if (known === undefined) {
        const execution = run(args, event)
        shared.set(name, execution)
        return execution
      }
      const result = await known
      return result.errors ? run(args, event) : result
    },
  }
}

async function run(args: ExecutionArgs, event: object): Promise<ExecutionResult> {
  return withEventId(await execute({ ...args, rootValue: event }), event)
}
