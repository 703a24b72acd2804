/**
 * Why an asset or a video task failed, as a code of this service: an asset that the task needs has failed, the task was
 * sent and its outcome is unknown, or a deadline of this service has passed.
 */
export type OwnFailureCode = 'ASSET_FAILED' | 'OUTCOME_UNKNOWN' | 'DEADLINE'

/**
 * A code at the beginning of a reason: a number, or one word with at least two capital letters, a dot or an underscore.
 * An ordinary word such as `Error` is not a code.
 */
const LEADING_CODE =
  /^(?=\d+:|[\w.-]*?(?:[A-Z][\w-]*[A-Z]|\w[._]\w))([A-Za-z\d][\w.-]{0,99})(?=$|: )/

/**
 * Returns the code of 0-0 or a provider at the beginning of a failure reason, e.g. `WidthTooSmall` for
 * `WidthTooSmall: the image is 200 px wide`. Null when the reason does not begin with a code.
 */
export function codeIn(reason: string): string | null {
  return LEADING_CODE.exec(reason)?.[1] ?? null
}
