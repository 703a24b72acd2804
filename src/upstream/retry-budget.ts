export interface RetryBudget {
  /** To be told of every request, once, whatever becomes of it. */
  addRequest(): void
  /** Whether one more retry is affordable; it is then spent. */
  spend(): boolean
}

/** In hundredths of a retry: whole numbers, so that nothing is lost to rounding. */
const COST = 100
const CAPACITY = 5 * COST
const EARNED = 5

/**
 * Five retries at hand and one more for every twenty requests, so that among any 100 requests in a row, and among any
 * larger number of them, retries are at most 10 %, whatever was saved up before.
 */
export function createRetryBudget(): RetryBudget {
  let balance = CAPACITY
  return {
    addRequest() {
      balance = Math.min(CAPACITY, balance + EARNED)
    },
    spend() {
      if (balance < COST) return false
      balance -= COST
      return true
    },
  }
}
