import { builder } from './builder.ts'

export const PlatformRef = builder.enumType('Platform', {
  description: 'Where 0-0 keeps a group and its assets.',
  values: {
    JIMENG: { description: "Volcengine's side; what 0-0's documentation uses." },
    BYTEPLUS: { description: "BytePlus' side." },
  } as const,
})
