// One line a recipient: how events become rows, without a double and without a gap.
import type { LiveEvent } from '@/app/live'
import { isReaction, statusAfter, type Status } from '@/app/status'

export interface Row {
  recipientId: string
  messageId: string
  status: Status
  sender: string
  recipient: string
  subject: string
  /** Time of the newest event, RFC 3339. */
  at: string
  /** Id of the newest event: changes when the row does. */
  eventId: string
  /** It came while the page was open: worth a glance. */
  fresh: boolean
}

/** Rows kept and drawn. What is older is in the list of emails. */
export const KEPT = 50

function rowAfter(before: Row | undefined, event: LiveEvent, fresh: boolean): Row {
  return {
    recipientId: event.recipientId,
    messageId: event.messageId,
    status: statusAfter(before?.status ?? null, event.kind),
    sender: event.sender,
    recipient: event.recipient,
    subject: event.subject,
    at: event.at,
    eventId: event.id,
    fresh,
  }
}

/**
 * The rows after some events (oldest first). A delivery that goes on changes its row in place, so that the eye can follow it;
 * a new recipient, and what a person did with the mail, comes in on top.
 */
export function applied(rows: readonly Row[], events: readonly LiveEvent[], fresh = true): Row[] {
  const byRecipient = new Map(rows.map((row) => [row.recipientId, row]))
  const onTop: string[] = []
  for (const event of events) {
    const before = byRecipient.get(event.recipientId)
    byRecipient.set(event.recipientId, rowAfter(before, event, fresh))
    if (before === undefined || isReaction(event.kind)) {
      const place = onTop.indexOf(event.recipientId)
      if (place >= 0) onTop.splice(place, 1)
      onTop.unshift(event.recipientId)
    }
  }
  const moved = new Set(onTop)
  const order = [...onTop, ...rows.map((row) => row.recipientId).filter((id) => !moved.has(id))]
  return order.slice(0, KEPT).map((id) => byRecipient.get(id)!)
}

/** Whether an event only changes a row that is there, in place: then even a reader's pointer is no reason to wait. */
export function staysInPlace(rows: readonly Row[], event: LiveEvent): boolean {
  return !isReaction(event.kind) && rows.some((row) => row.recipientId === event.recipientId)
}

/** Remembers which events were seen, the newest few thousand, and lets each one through once. */
export class Once {
  #seen = new Set<string>()

  /** The events not let through before, in their order. */
  fresh(events: readonly LiveEvent[]): LiveEvent[] {
    const fresh = events.filter(({ id }) => {
      if (this.#seen.has(id)) return false
      this.#seen.add(id)
      return true
    })
    if (this.#seen.size > 5_000) this.#seen = new Set([...this.#seen].slice(-2_500))
    return fresh
  }
}
