// Which eight figures are shown, in what order, colour and shape.
import type { CountsFieldsFragment } from '@/graphql/gen/graphql'

export const figures = [
  'total',
  'queued',
  'delivered',
  'opened',
  'clicked',
  'unsubscribed',
  'complained',
  'bounced',
] as const
export type Figure = (typeof figures)[number]
export type Counts = Record<Figure, number>

export const figureColor = Object.fromEntries(figures.map((one) => [one, `var(--state-${one})`])) as Record<
  Figure,
  string
>

/** Of what a figure is a share: opens are compared with what arrived, not with what was sent. */
export const wholeOf: Record<Figure, Figure | null> = {
  total: null,
  queued: null,
  delivered: 'total',
  opened: 'delivered',
  clicked: 'delivered',
  unsubscribed: 'delivered',
  complained: 'delivered',
  bounced: 'total',
}

/** Whether anything happened in a period; what is queued is counted now, whatever the period. */
export function anything(counts: Counts): boolean {
  return figures.some((one) => one !== 'queued' && counts[one] > 0)
}

/** Counts as numbers to reckon with: large ones may arrive as text. */
export function countsOf(told: CountsFieldsFragment): Counts {
  return Object.fromEntries(figures.map((one) => [one, Number(told[one])])) as Counts
}
