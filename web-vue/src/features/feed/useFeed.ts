// The live feed: filled from the ledger's end, followed from there, and held still while somebody reads.
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { live, type LiveEvent } from '@/app/live'
import { applied, Once, staysInPlace, type Row } from './feed'

/** Rows change at most this often: a burst of thousands a second stays smooth. */
const FLUSH_EVERY = 250
/** Of a long pause only the end is worth keeping: no more rows than these could be shown anyway. */
const MOST_HELD = 2_000

/** `still` is true while rows must not move: somebody points at one, or asked for a pause. */
export function useFeed(still: Ref<boolean>) {
  const rows = shallowRef<Row[]>([])
  const filled = ref(false)
  let once = new Once()
  // Events that may not be shown yet, oldest first.
  let held: LiveEvent[] = []
  const waiting = ref(0)
  let timer: ReturnType<typeof setTimeout> | undefined
  let flushedAt = 0

  /** Shows all that was held, whoever points where. */
  function release(): void {
    rows.value = applied(rows.value, held)
    held = []
    waiting.value = 0
  }

  function flush(): void {
    timer = undefined
    flushedAt = Date.now()
    if (!still.value) return release()
    // Deliveries go on under the pointer; what would move rows waits, and with it all that follows for its recipient.
    const waits = new Set<string>()
    const now: LiveEvent[] = []
    const later: LiveEvent[] = []
    for (const event of held) {
      const fits = !waits.has(event.recipientId) && staysInPlace(rows.value, event)
      if (!fits) waits.add(event.recipientId)
      ;(fits ? now : later).push(event)
    }
    rows.value = applied(rows.value, now)
    held = later.slice(-MOST_HELD)
    waiting.value = waits.size
  }

  function soon(): void {
    timer ??= setTimeout(flush, Math.max(0, flushedAt + FLUSH_EVERY - Date.now()))
  }

  let early: LiveEvent[] = []
  const ignore = live.listen({
    snapshot(newestFirst) {
      once = new Once()
      rows.value = applied([], once.fresh([...newestFirst].reverse()), false)
      held = once.fresh(early)
      early = []
      filled.value = true
      soon()
    },
    events(events) {
      if (!filled.value) {
        early.push(...events)
        return
      }
      const fresh = once.fresh(events)
      if (fresh.length === 0) return
      held.push(...fresh)
      soon()
    },
  })
  const unwatch = watch(still, () => soon())
  onScopeDispose(() => {
    clearTimeout(timer)
    unwatch()
    ignore()
  })

  return {
    rows,
    /** The ledger's end was read: an empty feed means that there is nothing. */
    filled,
    /** Recipients with news that wait until the rows may move. */
    waiting,
    release,
    status: computed(() => live.status.value),
  }
}
