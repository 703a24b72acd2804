import { z } from 'zod'

/** A string of the service without control characters, which a terminal could execute. */
export const text = z.string().transform((value) => value.replace(/[\p{Cc}\u2028\u2029]/gu, ' '))
