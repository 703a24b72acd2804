import { type DocumentNode, getOperationAST } from 'graphql'
import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { type RequestContext, tenantOf } from '../model/identity.ts'
import type { Operation, OperationObserver } from './operation.ts'
import { createOperationScope, type OperationScope } from './operation-scope.ts'
import { errorsOf, type RunningOperation, startOperation } from './running-operation.ts'
import type { UpstreamAttempt } from './upstream-attempt.ts'

/** Reports operations to observers. */
export interface Operations {
  /** The Yoga plugin. It must be the first plugin, so that it also sees operations that a later plugin refuses. */
  plugin: Plugin<ObservedContext>
  /**
   * Starts to observe an operation that is executed without the plugin. The caller executes it with `run`, adds its errors,
   * and ends it; an operation that is not ended is not reported.
   */
  start(
    origin: OperationOrigin,
    document: DocumentNode,
    operationName: string | null | undefined,
  ): RunningOperation & { run<T>(work: () => T): T }
  /** Reports an upstream attempt to the operation it was made for. Does nothing outside of an operation. */
  onCall(attempt: UpstreamAttempt): void
  /** Returns whether an operation of this HTTP request has begun. */
  hasBegun(request: Request): boolean
}

/** Where an operation comes from. */
export type OperationOrigin = Pick<Operation, 'requestId' | 'tenant' | 'transport' | 'traceparent'>

/** The part of an operation's context that telemetry reads. */
type ObservedContext = RequestContext & Partial<YogaInitialContext>

/** The context before and after authentication. It is incomplete when parsing or validation fails. */
type OperationSource = Partial<ObservedContext>

/** Starts to observe an operation. `document` is null when it does not parse. */
type Begin = (
  source: OperationSource,
  document: DocumentNode | null,
  operationName?: string | null,
) => RunningOperation

/** Creates the plugin that reports every operation to `observers`. */
export function createOperations(observers: OperationObserver[]): Operations {
  const scope = createOperationScope()
  const observedRequests = new WeakSet<Request>()
  const begin: Begin = (source, document, operationName) => {
    if (source.request) observedRequests.add(source.request)
    return startOperation(describe(originOf(source), document, operationName), observers)
  }
  return {
    plugin: createPlugin(begin, scope),
    start(origin, document, operationName) {
      const running = startOperation(describe(origin, document, operationName), observers)
      return { ...running, run: (work) => scope.run(running, work) }
    },
    onCall: (attempt) => scope.current()?.addAttempt(attempt),
    hasBegun: (request) => observedRequests.has(request),
  }
}

function createPlugin(begin: Begin, scope: OperationScope): Plugin<ObservedContext> {
  return {
    onParse({ context }) {
      return ({ result }) => {
        if (!(result instanceof Error)) return
        end(begin(context, null), [result], 'GRAPHQL_PARSE_FAILED')
      }
    },
    onValidate({ context, params }) {
      return ({ valid, result }) => {
        if (valid) return
        end(begin(context, params.documentAST), result, 'GRAPHQL_VALIDATION_FAILED')
      }
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      const running = begin(args.contextValue, args.document, args.operationName)
      setExecuteFn(scope.wrap(running, executeFn))
      return { onExecuteDone: ({ result }) => end(running, errorsOf(result)) }
    },
    onSubscribe({ args, subscribeFn, setSubscribeFn }) {
      const running = begin(args.contextValue, args.document, args.operationName)
      setSubscribeFn(scope.wrap(running, subscribeFn))
      return {
        onSubscribeResult({ result, setResult }) {
          if (!isAsyncIterable(result)) return end(running, errorsOf(result))
          running.subscribed()
          setResult(scope.wrapStream(running, result) as typeof result)
        },
      }
    },
  }
}

function end(running: RunningOperation, errors: readonly unknown[], defaultCode?: string): void {
  running.addErrors(errors, defaultCode)
  running.end()
}

const MAX_NAME_LENGTH = 64

/** The origin of an operation that Yoga executes. Parsing and validation happen before the identity is known. */
function originOf({ identity = null, request, requestId = '' }: OperationSource): OperationOrigin {
  return {
    requestId,
    tenant: tenantOf(identity),
    transport: request ? 'http' : 'websocket',
    traceparent: request?.headers.get('traceparent') ?? null,
  }
}

function describe(
  origin: OperationOrigin,
  document: DocumentNode | null,
  operationName?: string | null,
): Operation {
  const definition = document && getOperationAST(document, operationName)
  const name = definition?.name?.value ?? null
  return {
    ...origin,
    type: definition?.operation ?? null,
    name: name && name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name,
  }
}
