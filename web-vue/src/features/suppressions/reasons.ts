// Why nothing is sent to an address, and by what it came to be so.
import type { SuppressionReason } from '@/graphql/gen/graphql'

export const reasons = ['BOUNCE', 'COMPLAINT', 'UNSUBSCRIBE', 'MANUAL'] as const satisfies readonly SuppressionReason[]

export const tones = {
  BOUNCE: 'bad',
  COMPLAINT: 'bad',
  UNSUBSCRIBE: 'warn',
  MANUAL: 'calm',
} as const satisfies Record<SuppressionReason, string>

/** Ways that have a text of their own (`suppressions.by.*`). */
export const ways = ['event', 'page', 'one_click', 'mail', 'import', 'api', 'member'] as const
export type Way = (typeof ways)[number]

/** The way in which an address got on a list, and what somebody has said about it; without a way, all is words. */
export function wayOf(source: string): { way: Way | null; words: string } {
  const way = ways.find((one) => source === one || source.startsWith(`${one}: `)) ?? null
  return { way, words: way === null ? source : source.slice(way.length + 2) }
}
