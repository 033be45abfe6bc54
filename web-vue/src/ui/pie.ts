// How a whole is cut into slices: the largest by themselves, what is left in one.

export interface Slice {
  /** From 0 to 1, clockwise from the top. */
  from: number
  to: number
  color: string
}

/** As far apart as the figures of the dashboard; the last is for what is left. */
export const sliceColors = [
  'var(--state-queued)',
  'var(--state-unsubscribed)',
  'var(--state-delivered)',
  'var(--state-clicked)',
  'var(--state-opened)',
  'var(--state-complained)',
] as const
export const restColor = 'var(--ui-border-accented)'

/** The colour of the thing at a place in the order of size. */
export function colorOf(place: number): string {
  return sliceColors[place] ?? restColor
}

/** Slices for values in the order of their size; nothing for nothing. */
export function slicesOf(values: readonly number[]): Slice[] {
  const whole = values.reduce((sum, value) => sum + value, 0)
  if (whole === 0) return []
  const own = values.slice(0, sliceColors.length)
  const rest = values.slice(sliceColors.length).reduce((sum, value) => sum + value, 0)
  let reached = 0
  return [...own, rest]
    .map((value, place) => {
      const from = reached / whole
      reached += value
      return { from, to: reached / whole, color: colorOf(place) }
    })
    .filter(({ from, to }) => to > from)
}
