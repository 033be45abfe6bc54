// What state a recipient is in, in one word, as its events are told.
import type { EventKind, RecipientState } from '@/graphql/gen/graphql'

/** A recipient's state and, above it, what people did with the mail. Texts: locales `status.*`. */
export type Status =
  | 'queued'
  | 'held'
  | 'sending'
  | 'deferred'
  | 'delivered'
  | 'bounced'
  | 'expired'
  | 'suppressed'
  | 'cancelled'
  | 'opened'
  | 'clicked'
  | 'unsubscribed'
  | 'complained'

const byKind: Record<EventKind, Status> = {
  ACCEPTED: 'queued',
  HELD: 'held',
  RELEASED: 'queued',
  DEFERRED: 'deferred',
  DELIVERED: 'delivered',
  BOUNCED: 'bounced',
  EXPIRED: 'expired',
  SUPPRESSED: 'suppressed',
  CANCELLED: 'cancelled',
  OPENED: 'opened',
  CLICKED: 'clicked',
  UNSUBSCRIBED: 'unsubscribed',
  COMPLAINED: 'complained',
}

/** A later step wins over an earlier one, in whatever order they are told: an open never hides an unsubscribe. */
const rank: Record<Status, number> = {
  queued: 0,
  held: 0,
  sending: 0,
  deferred: 0,
  delivered: 1,
  bounced: 2,
  expired: 2,
  suppressed: 2,
  cancelled: 2,
  opened: 3,
  clicked: 4,
  unsubscribed: 5,
  complained: 6,
}

/** The status after an event, given the one before it. */
export function statusAfter(before: Status | null, kind: EventKind): Status {
  const next = byKind[kind]
  return before === null || rank[next] >= rank[before] ? next : before
}

/** True for what a person did, as opposed to how the delivery went. */
export function isReaction(kind: EventKind): boolean {
  return rank[byKind[kind]] >= rank.opened
}

/** The status of a recipient as a list knows it. */
export function statusOf(recipient: {
  state: RecipientState
  openedAt?: string | null
  clickedAt?: string | null
  unsubscribedAt?: string | null
  complainedAt?: string | null
}): Status {
  if (recipient.complainedAt) return 'complained'
  if (recipient.unsubscribedAt) return 'unsubscribed'
  if (recipient.clickedAt) return 'clicked'
  if (recipient.openedAt) return 'opened'
  return recipient.state.toLowerCase() as Status
}

/** The custom property that holds a status's colour. */
export const statusColor: Record<Status, string> = {
  queued: 'var(--state-queued)',
  sending: 'var(--state-queued)',
  held: 'var(--state-held)',
  deferred: 'var(--state-unsubscribed)',
  delivered: 'var(--state-delivered)',
  bounced: 'var(--state-bounced)',
  expired: 'var(--state-bounced)',
  suppressed: 'var(--state-held)',
  cancelled: 'var(--state-held)',
  opened: 'var(--state-opened)',
  clicked: 'var(--state-clicked)',
  unsubscribed: 'var(--state-unsubscribed)',
  complained: 'var(--state-complained)',
}

export const statusIcon: Record<Status, string> = {
  queued: 'i-lucide-clock',
  sending: 'i-lucide-send',
  held: 'i-lucide-pause',
  deferred: 'i-lucide-rotate-cw',
  delivered: 'i-lucide-check',
  bounced: 'i-lucide-x',
  expired: 'i-lucide-timer-off',
  suppressed: 'i-lucide-ban',
  cancelled: 'i-lucide-circle-slash',
  opened: 'i-lucide-eye',
  clicked: 'i-lucide-mouse-pointer-click',
  unsubscribed: 'i-lucide-user-minus',
  complained: 'i-lucide-flag',
}
