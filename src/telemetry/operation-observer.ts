import { AsyncLocalStorage } from 'node:async_hooks'
import { type DocumentNode, GraphQLError, getOperationAST } from 'graphql'
import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { failureBehind, isAbort } from '../execution/error-mapping.ts'
import { type Arrival, tenantOf } from '../execution/operation-context.ts'
import type { UpstreamCallReport } from '../upstream/call.ts'

/** What is known of an operation when it begins. */
export interface Operation {
  requestId: string
  /** Null when it came without a credential or with one that is no good, and when it was refused before that was looked at. */
  tenant: string | null
  /** Null when the document does not tell. */
  type: 'query' | 'mutation' | 'subscription' | null
  /** As the caller called it, cut where it is very long. */
  name: string | null
  transport: 'http' | 'websocket'
  /** The header of W3C Trace Context, as it came. */
  traceparent: string | null
}

/** What has become of an operation by now. */
export interface Progress {
  durationMs: number
  /** Attempts made for it; a read it shared with the operation that began it counts there. */
  upstreamCalls: number
  /** Delivered to a subscriber. */
  events: number
  /** Codes of its errors, each once. */
  errors: string[]
}

/** Is told of every operation, and through what it gives, of what becomes of that one. */
export type OperationObserver = (operation: Operation) => Observation

export interface Observation {
  /** An attempt made for it has ended; that may be after the operation itself. */
  called?(call: UpstreamCallReport): void
  /** A subscription is under way from now on. */
  began?(progress: Progress): void
  /** Called once. */
  ended(progress: Progress): void
}

/** Follows operations for those who observe them. */
export interface Operations {
  /** To be the first of the plugins: what a later one refuses is an operation all the same. */
  plugin: Plugin<OperationContext>
  /** Takes the report of an upstream call for the operation it is made in, if it is made in one. */
  onCall(call: UpstreamCallReport): void
  /** Whether an operation of this HTTP request is or was followed. */
  hasBegun(request: Request): boolean
}

type OperationContext = { arrival: Arrival } & Partial<YogaInitialContext>

/**
 * An operation is found again by the asynchronous context its work runs in. Its request id would not do, as callers choose
 * theirs and may choose the same, and to pass it along would take a parameter through every layer down to the upstream.
 */
export function createOperations(observers: OperationObserver[]): Operations {
  const context = new AsyncLocalStorage<Follow>()

  const begun = new WeakSet<Request>()
  const begin = (received: OperationSource, ...from: [DocumentNode | null, OperationName?]) => {
    if (received.request) begun.add(received.request)
    return follow(operationOf(received, ...from), observers)
  }
  /** Makes `work` run in the operation's context, and a failure of it the operation's end. */
  const within =
    <Args extends unknown[], T>(running: Follow, work: (...args: Args) => T | Promise<T>) =>
    async (...args: Args): Promise<T> => {
      try {
        return await context.run(running, () => work(...args))
      } catch (error) {
        running.note([error])
        running.end()
        throw error
      }
    }

  /** Each event is made in the context of who asks for it, so that has to be the operation's again. */
  function streamWithin(running: Follow, stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const iterator = stream[Symbol.asyncIterator]()
    const next = within(running, () => iterator.next())
    const end = within(running, async () => iterator.return?.())
    return {
      [Symbol.asyncIterator]: () => ({
        async next() {
          const result = await next()
          if (result.done) running.end()
          else running.deliver(result.value)
          return result
        },
        async return() {
          running.end()
          return (await end()) ?? { done: true, value: undefined }
        },
      }),
    }
  }

  return {
    onCall: (call) => context.getStore()?.called(call),
    hasBegun: (request) => begun.has(request),
    plugin: {
      onParse({ context }) {
        return ({ result }) => {
          if (!(result instanceof Error)) return
          const refused = begin(context, null)
          refused.note([result], 'GRAPHQL_PARSE_FAILED')
          refused.end()
        }
      },
      onValidate({ context, params }) {
        return ({ valid, result }) => {
          if (valid) return
          const refused = begin(context, params.documentAST)
          refused.note(result, 'GRAPHQL_VALIDATION_FAILED')
          refused.end()
        }
      },
      onExecute({ args, executeFn, setExecuteFn }) {
        const running = begin(args.contextValue, args.document, args.operationName)
        setExecuteFn(within(running, executeFn))
        return {
          onExecuteDone({ result }) {
            running.note(errorsOf(result))
            running.end()
          },
        }
      },
      onSubscribe({ args, subscribeFn, setSubscribeFn }) {
        const running = begin(args.contextValue, args.document, args.operationName)
        setSubscribeFn(within(running, subscribeFn))
        return {
          onSubscribeResult({ result, setResult }) {
            if (isAsyncIterable(result)) {
              running.began()
              setResult(streamWithin(running, result) as typeof result)
            } else {
              running.note(errorsOf(result))
              running.end()
            }
          },
        }
      },
    },
  }
}

type Follow = ReturnType<typeof follow>

/** One operation, from its beginning to its end, with all that is told of it. */
function follow(operation: Operation, observers: OperationObserver[]) {
  const startedAt = performance.now()
  const observations = observers.map((observe) => observe(operation))
  const errors = new Set<string>()
  let upstreamCalls = 0
  let events = 0
  let ended = false
  const progress = () => ({
    durationMs: performance.now() - startedAt,
    upstreamCalls,
    events,
    errors: [...errors],
  })
  const note = (failures: readonly unknown[], code?: string) => {
    for (const failure of failures) errors.add(codeOf(failure, code))
  }
  return {
    note,
    called(call: UpstreamCallReport) {
      // These were never sent.
      if (call.errorCode !== 'BREAKER_OPEN' && call.errorCode !== 'QUEUE_TIMEOUT')
        upstreamCalls += 1
      for (const observation of observations) observation.called?.(call)
    },
    began() {
      for (const observation of observations) observation.began?.(progress())
    },
    deliver(event: unknown) {
      events += 1
      note(errorsOf(event))
    },
    end() {
      if (ended) return
      ended = true
      for (const observation of observations) observation.ended(progress())
    },
  }
}

const MAX_NAME_LENGTH = 64

/** The context that is known by then. */
type OperationSource = Partial<OperationContext> & { requestId?: string }
type OperationName = string | null | undefined

function operationOf(
  { arrival, request, ...received }: OperationSource,
  document: DocumentNode | null,
  operationName?: OperationName,
): Operation {
  const definition = document && getOperationAST(document, operationName)
  const name = definition?.name?.value ?? null
  return {
    requestId: arrival?.requestId ?? received.requestId ?? '',
    tenant: arrival ? tenantOf(arrival.identity) : null,
    type: definition?.operation ?? null,
    name: name && name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name,
    transport: request ? 'http' : 'websocket',
    traceparent: request?.headers.get('traceparent') ?? null,
  }
}

function errorsOf(result: unknown): readonly unknown[] {
  const errors = result && typeof result === 'object' && 'errors' in result ? result.errors : null
  return Array.isArray(errors) ? errors : []
}

/** What GraphQL itself says without a code is what the caller sent, as in the error mapping. */
function codeOf(error: unknown, code = 'BAD_USER_INPUT'): string {
  if (isAbort(error)) return 'ABORTED'
  const failure = failureBehind(error)
  if (failure) return failure.code
  if (!(error instanceof GraphQLError) || error.originalError) return 'INTERNAL'
  return typeof error.extensions.code === 'string' ? error.extensions.code : code
}
