/** Of each create; when a key is used up is decided in resolvers/create-once.ts. */
export const IDEMPOTENCY_KEY_DESCRIPTION =
  'Names this create for 24 hours, in at most 255 characters: a repeat with the same input gets the first outcome, and nothing is sent twice. It is given back when 0-0 has certainly done nothing for a reason that can pass, such as a rate limit.'
