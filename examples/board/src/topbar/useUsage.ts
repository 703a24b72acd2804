import { useEffect, useEffectEvent } from 'react'
import { graphql } from '../gql/index.ts'
import { useLiveQuery } from '../graphql/useLiveQuery.ts'
import { useSession } from '../session/session.ts'

export const Usage = graphql(`
  query Usage {
    usage {
      pending
      totalTokens
    }
  }
`)

const EVERY_MS = 2_000

/** Returns the sums over all tasks. Reads them again after changes of tasks, at most once in EVERY_MS. */
export function useUsage() {
  const { taskChanges } = useSession().connection
  const { data, execute } = useLiveQuery({ query: Usage, variables: {} })
  const read = useEffectEvent(() => execute({ requestPolicy: 'network-only' }))

  useEffect(() => {
    let timer: number | undefined
    let hasChanged = false
    const readAndWait = () => {
      hasChanged = false
      read()
      timer = window.setTimeout(() => {
        timer = undefined
        if (hasChanged) readAndWait()
      }, EVERY_MS)
    }
    const stop = taskChanges.listen(() => {
      hasChanged = true
      if (timer === undefined) readAndWait()
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [taskChanges])

  return data?.usage
}
