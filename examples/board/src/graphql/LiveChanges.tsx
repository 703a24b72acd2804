import { useEffect } from 'react'
import { useSubscription } from 'urql'
import { graphql } from '../gql/index.ts'
import { useSession } from '../session/session.ts'
import { problemOfError } from './problem.ts'

// Selects what the lists and the open task show. The cache stores it by id, and so everything on the
// board is updated by this one subscription.
const Changes = graphql(`
  subscription Changes($after: String) {
    changes(after: $after) {
      cursor
      isNew
      node {
        id
        ... on AssetGroup {
          createdAt
          ...GroupRow_group
        }
        ... on Asset {
          createdAt
          group {
            id
          }
          ...AssetTile_asset
        }
        ... on VideoTask {
          createdAt
          status
          prompt
          ...VideoCard_task
          ...TaskDetails_task
        }
      }
    }
  }
`)

const RETRY_MS = 2_000

/** Follows all changes of the tenant. Shows nothing. */
export function LiveChanges() {
  const { connection } = useSession()
  const [{ error }, restart] = useSubscription({ query: Changes, variables: { after: null } })

  useEffect(() => {
    if (!error) return
    // The cursor is older than what the service keeps: read the lists, and follow from now on.
    if (problemOfError(error).code === 'INVALID_INPUT') connection.startOver()
    const timer = setTimeout(restart, RETRY_MS)
    return () => clearTimeout(timer)
  }, [error, restart, connection])

  return null
}
