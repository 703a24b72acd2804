import type { ClaimedPollJob, NextPoll } from './poll-job.ts'

/** Returns the columns of a poll job that schedule its next poll. The poll is not later than the deadline. */
export function scheduleOf(job: ClaimedPollJob, next: NextPoll) {
  const deadlineMs = (next.deadlineAt ?? job.deadlineAt).getTime()
  return {
    next_poll_at: Math.min(next.nextPollAt.getTime(), deadlineMs),
    gap_ms: next.gapMs,
    deadline_at: deadlineMs,
    not_before: next.notBefore?.getTime() ?? 0,
    refused_polls: next.refusedPolls ?? job.refusedPolls,
  }
}
