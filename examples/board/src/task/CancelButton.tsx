import { useState } from 'react'
import { useMutation } from 'urql'
import { graphql } from '../gql/index.ts'
import { problemOfError } from '../graphql/problem.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'

export const CancelVideo = graphql(`
  mutation CancelVideo($id: ID!) {
    cancelVideoTask(id: $id) {
      __typename
      ... on VideoTask {
        id
        ...TaskDetails_task
      }
      ... on NotFoundError {
        message
      }
      ... on NotCancellableError {
        message
        videoTask {
          id
          status
        }
      }
    }
  }
`)

/** Cancels a task that has not been sent to 0-0. */
export function CancelButton({ id }: { id: string }) {
  const [{ fetching }, cancel] = useMutation(CancelVideo)
  const [note, setNote] = useState<string | null>(null)

  async function onClick() {
    const { data, error } = await cancel({ id })
    if (error) return setNote(problemOfError(error).message)
    const result = data?.cancelVideoTask
    switch (result?.__typename) {
      case 'NotFoundError':
      case 'NotCancellableError':
        return setNote(result.message)
      // The cache has the cancelled task, and so this button goes away.
      case 'VideoTask':
      case undefined:
    }
  }

  return (
    <div className="cancel">
      <button type="button" className="button" disabled={fetching} onClick={onClick}>
        {fetching ? 'Cancelling…' : 'Cancel the task'}
      </button>
      <GraphQLLink isShort of="cancelling" document={CancelVideo} variables={{ id }} />
      <p className="note fail" role="status">
        {note}
      </p>
    </div>
  )
}
