import type { Problem } from '../graphql/problem.ts'
import { Icon } from './Icon.tsx'
import { useNow } from './useNow.ts'
import './ProblemNotice.css'

/** What to do about the problems that need more than their message. */
const ADVICE: Record<string, string> = {
  PAYMENT_REQUIRED: 'Nothing was made. Add to the balance at 0-0, then try again.',
  OUTCOME_UNKNOWN: 'Check at 0-0 before you try again: it may have been made.',
  UPSTREAM_UNAVAILABLE: 'Nothing was made.',
}

const TITLES: Record<string, string> = {
  PAYMENT_REQUIRED: 'The balance is too low',
  RATE_LIMITED: 'Too many calls',
  OFFLINE: 'No connection',
}

interface Props {
  problem: Problem | null
  onClose?(): void
}

/** A problem with what to do about it. Screen readers announce it. */
export function ProblemNotice({ problem, onClose }: Props) {
  return (
    <div className="live-region" role="status">
      {problem && (
        <div className="problem">
          <p>
            {TITLES[problem.code] && <strong>{TITLES[problem.code]}. </strong>}
            {sentenceOf(messageOf(problem))} {ADVICE[problem.code]}
            {problem.retryAt !== null && <Countdown retryAt={problem.retryAt} />}
          </p>
          {onClose && (
            <button type="button" className="icon-button" aria-label="Dismiss" onClick={onClose}>
              <Icon name="close" />
            </button>
          )}
        </div>
      )}
    </div>
  )
}

function Countdown({ retryAt }: { retryAt: number }) {
  const seconds = Math.ceil((retryAt - useNow(1000)) / 1000)
  const text = seconds > 0 ? `Try again in ${seconds} s.` : 'Try again now.'
  return <span aria-live="off"> {text}</span>
}

/** The issues say more than the message, which repeats the first one. */
function messageOf({ message, issues }: Problem): string {
  return issues.map((issue) => issue.message).join(' ') || message
}

/** Messages of providers may have no full stop. */
function sentenceOf(message: string): string {
  return /[.!?。]$/.test(message) ? message : `${message}.`
}
