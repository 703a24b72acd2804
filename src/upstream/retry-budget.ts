/** Limits retries to a share of the requests, so that retries do not make an outage worse. */
interface RetryBudget {
  /** Must be called once for each request, whatever its result. */
  addRequest(): void
  /** Takes one retry from the budget. Returns false when the budget is empty. */
  spend(): boolean
}

/* The unit is a hundredth of a retry: integers avoid rounding errors. */
const COST = 100
const CAPACITY = 5 * COST
const EARNED_PER_REQUEST = 5

/**
 * Creates a full budget of five retries. Twenty requests add one retry, up to five. So among any 100 or
 * more consecutive requests, there is at most one retry for every ten requests.
 */
export function createRetryBudget(): RetryBudget {
  let balance = CAPACITY
  return {
    addRequest() {
      balance = Math.min(CAPACITY, balance + EARNED_PER_REQUEST)
    },
    spend() {
      if (balance < COST) return false
      balance -= COST
      return true
    },
  }
}
