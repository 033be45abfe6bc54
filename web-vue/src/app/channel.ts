// How one subscription to the ledger is opened and how its end is noticed.
import { stringifyDocument } from '@urql/core'
import { createClient } from 'graphql-ws'
import { EventsDocument, type EventsSubscription } from '@/graphql/gen/graphql'
import type { Channel } from './live'

const PING_EVERY = 10_000
const PONG_WITHIN = 5_000
/** The server closes with one of these when the session is over (graphql-transport-ws: 4401, 4403). */
const SIGNED_OUT = new Set([4401, 4403])

function saysSignedOut(end: unknown): boolean {
  return end instanceof CloseEvent && SIGNED_OUT.has(end.code)
}

/** Opens a subscription after a cursor. It never reconnects by itself: whoever opened it knows from where to go on. */
export const openChannel: Channel = (after, sink) => {
  let over = false
  let pongDue: ReturnType<typeof setTimeout> | undefined
  const end = (signedOut: boolean) => {
    if (over) return
    over = true
    clearTimeout(pongDue)
    void socket.dispose()
    sink.ended(signedOut)
  }
  const address = new URL('/graphql', window.location.href)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = createClient({
    url: address.href,
    retryAttempts: 0,
    connectionAckWaitTimeout: 10_000,
    keepAlive: PING_EVERY,
    on: {
      // A cut cable closes nothing: a missing pong is the only sign.
      ping: (received) => {
        if (!received) pongDue = setTimeout(() => end(false), PONG_WITHIN)
      },
      pong: (received) => {
        if (received) clearTimeout(pongDue)
      },
      closed: (event) => end(saysSignedOut(event)),
    },
  })
  socket.subscribe<EventsSubscription>(
    { query: stringifyDocument(EventsDocument), variables: { after } },
    {
      next: ({ data, errors }) => {
        if (over) return
        if (data === undefined || data === null) {
          end(errors?.some((one) => one.extensions?.code === 'UNAUTHENTICATED') ?? false)
          return
        }
        sink.batch(data.events)
      },
      error: (fault) => end(saysSignedOut(fault)),
      complete: () => end(false),
    },
  )
  return () => {
    if (over) return
    over = true
    clearTimeout(pongDue)
    void socket.dispose()
  }
}
