import type { Issue } from '../graphql/problem.ts'
import { problemOfError } from '../graphql/problem.ts'
import { formatNumber } from '../ui/format.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { ProblemNotice } from '../ui/ProblemNotice.tsx'
import { useNow } from '../ui/useNow.ts'
import type { useMakeVideo } from './useMakeVideo.ts'
import type { usePreview } from './usePreview.ts'
import type { VideoFormState } from './useVideoForm.ts'
import './MakeBar.css'

interface Props {
  form: VideoFormState
  check: ReturnType<typeof usePreview>
  sending: ReturnType<typeof useMakeVideo>
  issues: Issue[]
}

/** The cost, the number of issues, the button that sends the form, and what came of it. */
export function MakeBar({ form, check, sending, issues }: Props) {
  const { preview, error } = check
  const { state, request } = sending
  const problem = state.status === 'refused' ? state.problem : error ? problemOfError(error) : null
  const isWaiting = useNow(1000) < (problem?.retryAt ?? 0)
  const hasPrompt = form.values.prompt.trim() !== ''
  const isAccepted = state.status === 'accepted'
  const isDisabled = !hasPrompt || issues.length > 0 || isWaiting || state.status === 'sending'

  return (
    <>
      {/* The issues stand at their fields. */}
      <ProblemNotice problem={problem && problem.issues.length === 0 ? problem : null} />
      <div className="make-bar">
        <p className="make-note" role="status">
          {isAccepted ? (
            <>
              Accepted.{' '}
              <button type="button" className="plain link" onClick={form.renewKey}>
                Make it again
              </button>
            </>
          ) : preview ? (
            <>
              <strong>{formatNumber(preview.estimatedVideoTokens)} tokens</strong>
              {issues.length > 0 && (
                <span className="fail"> · {countOf(issues.length, 'issue')}</span>
              )}
              {preview.pendingAssets.length > 0 && (
                <span className="muted">
                  {' '}
                  · waits for {countOf(preview.pendingAssets.length, 'asset')}
                </span>
              )}
            </>
          ) : (
            <span className="muted">The cost appears here before anything is sent.</span>
          )}
        </p>
        <GraphQLLink of="the new video" document={request.document} variables={request.variables} />
        <button
          type="submit"
          className="button primary"
          // Not `disabled`, which would take the focus away between two clicks.
          aria-disabled={isDisabled || isAccepted}
          onClick={(event) => (isDisabled || isAccepted) && event.preventDefault()}
        >
          {state.status === 'sending' ? 'Sending…' : 'Make the video'}
        </button>
      </div>
    </>
  )
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
