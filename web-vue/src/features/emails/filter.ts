// Which emails are listed, as the address bar says it.
import type { LocationQuery } from 'vue-router'
import type { RecipientFilter, RecipientState } from '@/graphql/gen/graphql'

/** Segments as people think of them; each stands for one state or more. */
export const segments = {
  waiting: ['QUEUED', 'SENDING', 'DEFERRED'],
  held: ['HELD'],
  delivered: ['DELIVERED'],
  bounced: ['BOUNCED', 'EXPIRED'],
  suppressed: ['SUPPRESSED'],
  cancelled: ['CANCELLED'],
} as const satisfies Record<string, readonly RecipientState[]>
export type Segment = keyof typeof segments

export const spans = ['any', '1', '7', '30'] as const
/** Days back from now, or any time. */
export type Span = (typeof spans)[number]

export interface Wanted {
  segment: Segment | null
  text: string
  span: Span
}

/** Reads the filter of an address; what makes no sense there is left out. */
export function fromQuery(query: LocationQuery): Wanted {
  return {
    segment: typeof query.is === 'string' && Object.hasOwn(segments, query.is) ? (query.is as Segment) : null,
    text: typeof query.q === 'string' ? query.q : '',
    span: spans.find((one) => one === query.days) ?? 'any',
  }
}

/** Writes a filter so that `fromQuery` reads it again. */
export function toQuery({ segment, text, span }: Wanted): Record<string, string> {
  return {
    ...(segment === null ? {} : { is: segment }),
    ...(text === '' ? {} : { q: text }),
    ...(span === 'any' ? {} : { days: span }),
  }
}

/** From when on a span looks; null: from the beginning. */
export function sinceOf(span: Span, now: Date): string | null {
  return span === 'any' ? null : new Date(now.getTime() - Number(span) * 86_400_000).toISOString()
}

/** What the API is asked for. */
export function asFilter({ segment, text, span }: Wanted, now: Date): RecipientFilter {
  return {
    states: segment === null ? null : [...segments[segment]],
    search: text.trim() === '' ? null : text.trim(),
    since: sinceOf(span, now),
  }
}
