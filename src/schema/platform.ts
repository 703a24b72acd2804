import { builder } from './builder.ts'

/** The platforms of 0-0. */
export const PlatformRef = builder.enumType('Platform', {
  description: 'The platform at which 0-0 stores a group and its assets.',
  values: {
    JIMENG: { description: 'Volcengine. The documentation of 0-0 uses this platform.' },
    BYTEPLUS: { description: 'BytePlus.' },
  } as const,
})
