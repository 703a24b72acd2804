/** The description of `idempotencyKey` in the input of each create. resolvers/send-and-record.ts releases keys. */
export const IDEMPOTENCY_KEY_DESCRIPTION =
  'A name for this create, of at most 255 characters. For 24 hours a repeat with the same key and the same input returns the first outcome, and no second request is sent. The key is released, so that it can be used again, when 0-0 has certainly done nothing for a temporary reason, such as a rate limit.'
