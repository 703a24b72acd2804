const PATHS = {
  plus: 'M8 3v10M3 8h10',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M6 6h7v7H6zM10 6V3H3v7h3',
  check: 'M3.5 8.5l3 3 6-7',
  picture: 'M2.5 3.5h11v9h-11zM3 11l3-3 2.5 2.5L11 8l2.5 2.5',
  film: 'M2.5 3.5h11v9h-11zM7 6v4l3-2z',
  sound: 'M3 6.5v3M6 4.5v7M9 6v4M12 3.5v9',
  key: 'M9.5 9.5a3 3 0 1 0-3-3c0 .4.1.8.2 1.1L2.5 11.800v2h2.500v-1.500h1.500v-1.500l1.500-1.300c.5.1 1 0 1.5 0z',
  external: 'M9 3h4v4M13 3L7.500 8.500M6 4H3v9h9v-3',
  stack: 'M2.500 5.500h11v8h-11zM4.500 3h7',
}

/** A drawing of 16 × 16 pixels in the colour of the text. The text or label beside it says what it means. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}
