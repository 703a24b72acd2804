import type { CombinedError } from 'urql'
import { problemOfError } from '../graphql/problem.ts'
import './ListError.css'

interface Props {
  /** What the list contains, such as `videos`. */
  of: string
  error: CombinedError | undefined
  /** Whether items from an earlier read are still shown. */
  isOld: boolean
  onRetry(): void
}

/** Says that a list cannot be read and why, and reads it again on request. Screen readers announce it. */
export function ListError({ of, error, isOld, onRetry }: Props) {
  return (
    <div className="live-region" role="status">
      {error && (
        <p className="list-error">
          <span className="fail">The {of} cannot be read now.</span> {problemOfError(error).message}{' '}
          {isOld && 'The list below is the one from before. '}
          <button type="button" className="plain link" onClick={onRetry}>
            Try again
          </button>
        </p>
      )}
    </div>
  )
}
