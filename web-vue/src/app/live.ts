// How the page follows the ledger: one subscription for all who listen, resumed after every cut from the last cursor.
import { readonly, shallowRef, type Ref } from 'vue'
import { LatestEventsDocument, type EventsSubscription, type LiveEventFragment } from '@/graphql/gen/graphql'
import { openChannel } from './channel'
import { ask, signedOut } from './client'

export type LiveEvent = LiveEventFragment
type Batch = EventsSubscription['events']

/** How the subscription stands. `retryAt` is in milliseconds since 1970. */
export type LiveStatus =
  { kind: 'idle' } | { kind: 'connecting' } | { kind: 'live' } | { kind: 'offline'; retryAt: number }

export interface Listener {
  /** What the ledger's end looks like, newest first. All that follows comes through `events`, some of it perhaps twice. */
  snapshot?: (newestFirst: readonly LiveEvent[]) => void
  /** New events, oldest first. */
  events: (oldestFirst: readonly LiveEvent[]) => void
  /** The subscription stands and nothing older is missing any more. */
  caughtUp?: () => void
}

/** Opens one subscription; calls `ended` once, unless it was closed from here. Returns how to close it. */
export type Channel = (
  after: string | null,
  sink: { batch: (batch: Batch) => void; ended: (signedOut: boolean) => void },
) => () => void

export interface Ports {
  open: Channel
  /** The newest events, newest first; null when they could not be had. */
  recent: () => Promise<readonly LiveEvent[] | null>
  /** Told when the server says that the session is over. */
  signedOut: () => void
}

/** Away for longer than this, the newest events are worth more than a long replay. */
const STALE_AFTER = 5 * 60_000
/** The socket outlives its last listener for a moment: the next page usually wants it. */
const LINGER = 3_000
const SLOWEST_RETRY = 30_000

export interface Live {
  status: Readonly<Ref<LiveStatus>>
  /** Listens until the returned function is called; the first listener opens the socket, the last one lets it close. */
  listen: (listener: Listener) => () => void
  /** Does not wait for the countdown. */
  retryNow: () => void
  /** Closes the socket and forgets where it was. */
  forget: () => void
}

export function createLive({ open, recent, signedOut }: Ports): Live {
  const status = shallowRef<LiveStatus>({ kind: 'idle' })
  const listeners = new Set<Listener>()
  let cursor: string | null = null
  // The listeners have been told what the ledger's end looks like.
  let primed = false
  let lastHeard = 0
  let failures = 0
  let close: (() => void) | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let lingering: ReturnType<typeof setTimeout> | undefined
  // Every start and stop takes the next number: answers to an older one are not ours any more.
  let turn = 0

  function stop(): void {
    turn += 1
    clearTimeout(timer)
    close?.()
    close = undefined
  }

  function tell(events: readonly LiveEvent[]): void {
    if (events.length > 0) for (const listener of listeners) listener.events(events)
  }

  function lost(): void {
    if (status.value.kind === 'live') lastHeard = Date.now()
    stop()
    const pause = Math.min(SLOWEST_RETRY, 1_000 * 2 ** failures) * (0.85 + Math.random() * 0.3)
    failures += 1
    status.value = { kind: 'offline', retryAt: Date.now() + pause }
    timer = setTimeout(() => void start(), pause)
  }

  async function start(): Promise<void> {
    stop()
    const mine = turn
    status.value = { kind: 'connecting' }
    if (cursor !== null && Date.now() - lastHeard > STALE_AFTER) cursor = null
    if (cursor === null) {
      const newest = await recent()
      if (mine !== turn) return
      if (newest === null) return lost()
      cursor = newest[0]?.cursor ?? null
      primed = true
      for (const listener of listeners) listener.snapshot?.(newest)
    }
    // Without a cursor the subscription starts "now": what came between the snapshot and that moment is asked for again.
    let gap = cursor === null
    close = open(cursor, {
      batch(batch) {
        if (mine !== turn) return
        cursor = batch.cursor || cursor
        tell(batch.events)
        if (gap) {
          gap = false
          void recent().then((newest) => {
            if (mine === turn && newest !== null) tell([...newest].reverse())
          })
        }
        if (batch.live && status.value.kind !== 'live') {
          failures = 0
          status.value = { kind: 'live' }
          for (const listener of listeners) listener.caughtUp?.()
        }
      },
      ended(over) {
        if (mine !== turn) return
        if (over) signedOut()
        else lost()
      },
    })
  }

  function listen(listener: Listener): () => void {
    clearTimeout(lingering)
    listeners.add(listener)
    if (status.value.kind === 'idle') void start()
    else if (primed && listener.snapshot) {
      // It came late: what was told to the others before is asked for again.
      void recent().then((newest) => {
        if (newest !== null && listeners.has(listener)) listener.snapshot?.(newest)
      })
    }
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      clearTimeout(lingering)
      lingering = setTimeout(() => {
        if (listeners.size === 0) forget()
      }, LINGER)
    }
  }

  function forget(): void {
    clearTimeout(lingering)
    stop()
    cursor = null
    primed = false
    failures = 0
    status.value = { kind: 'idle' }
  }

  return {
    status: readonly(status) as Readonly<Ref<LiveStatus>>,
    listen,
    retryNow() {
      if (status.value.kind === 'offline') void start()
    },
    forget,
  }
}

export const live = createLive({
  open: openChannel,
  recent: async () => (await ask(LatestEventsDocument, { first: 100 })).data?.latestEvents ?? null,
  signedOut,
})

// A network that comes back is worth an attempt at once.
window.addEventListener('online', () => live.retryNow())
