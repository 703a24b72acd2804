import { graphql } from '../gql/index.ts'
import { problemOfError } from '../graphql/problem.ts'
import { useLiveQuery } from '../graphql/useLiveQuery.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { ProblemNotice } from '../ui/ProblemNotice.tsx'
import { TaskDetails } from './TaskDetails.tsx'

export const OneVideoTask = graphql(`
  query OneVideoTask($id: ID!) {
    videoTask(id: $id) {
      id
      ...TaskDetails_task
    }
  }
`)

/** Reads one task. What `changes` sends about it arrives through the cache. */
export function TaskView({ id }: { id: string }) {
  const { data, error } = useLiveQuery({
    query: OneVideoTask,
    variables: { id },
    // An estimate in the cache may be old.
    requestPolicy: 'cache-and-network',
  })
  if (data?.videoTask) {
    return (
      <>
        <TaskDetails task={data.videoTask} />
        <GraphQLLink of="the task" document={OneVideoTask} variables={{ id }} />
      </>
    )
  }
  if (error) return <ProblemNotice problem={problemOfError(error)} />
  if (data) return <p className="muted">Neither 0-0 nor this service knows this task.</p>
  return <div className="player shimmer" />
}
