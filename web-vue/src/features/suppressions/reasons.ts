// Why nothing is sent to an address, and by what it came to be so.
import type { SuppressionReason } from '@/graphql/gen/graphql'

export const reasons = ['BOUNCE', 'COMPLAINT', 'UNSUBSCRIBE', 'MANUAL'] as const satisfies readonly SuppressionReason[]

export const tones = {
  BOUNCE: 'bad',
  COMPLAINT: 'bad',
  UNSUBSCRIBE: 'warn',
  MANUAL: 'calm',
} as const satisfies Record<SuppressionReason, string>

/** Ways that have a text of their own (`suppressions.by.*`); anything else is somebody's own words. */
export const ways = ['event', 'page', 'one_click', 'mail', 'import', 'api', 'member'] as const
export type Way = (typeof ways)[number]

export function wayOf(source: string): Way | null {
  return ways.find((one) => one === source) ?? null
}
