import { useEffect, useEffectEvent, useRef } from 'react'
import { type AnyVariables, type UseQueryArgs, useQuery } from 'urql'
import { useSession } from '../session/session.ts'
import { useStore } from './store.ts'

/**
 * Like `useQuery`, for what the board shows at all times. It reads again when changes may have been
 * missed, and when the connection returns after an error. Meanwhile the last data stays.
 */
export function useLiveQuery<Data, Variables extends AnyVariables>(
  args: UseQueryArgs<Variables, Data>,
) {
  const { connection } = useSession()
  const [result, execute] = useQuery<Data, Variables>(args)
  const missed = useStore(connection.missed)
  const isLive = useStore(connection.state).status === 'live'
  const lastData = useRef<Data>(undefined)
  if (result.data) lastData.current = result.data

  useEffect(() => {
    if (missed > 0) execute({ requestPolicy: 'network-only' })
  }, [missed, execute])
  const retry = useEffectEvent(() => {
    if (result.error) execute({ requestPolicy: 'network-only' })
  })
  useEffect(() => {
    if (isLive) retry()
  }, [isLive])

  const { fetching, error } = result
  return { data: result.data ?? lastData.current, fetching, error, execute }
}
