// How a page keeps an answer true: asked when its variables change, and again when the ledger says that something happened.
import type { AnyVariables, TypedDocumentNode } from '@urql/core'
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { ask, type Fault } from './client'
import { live, type LiveEvent } from './live'

/** A burst of events is one question: asked this soon after the first … */
const FIRST_AFTER = 60
/** … never more often than this … */
const AT_MOST_EVERY = 700
/** … and once more when it is over, for figures that are folded a moment after the fact. */
const SETTLE_AFTER = 1_500
const SKELETON_AFTER = 150

export interface LiveQuery<Data> {
  /** The last good answer; it stays while a newer one is on its way. */
  data: Readonly<ShallowRef<Data | null>>
  /** Why the last question failed, or null. */
  fault: Readonly<ShallowRef<Fault | null>>
  /** True once a first answer has been awaited long enough to say so. */
  slow: Readonly<Ref<boolean>>
  refresh: () => Promise<void>
}

/**
 * Asks `document` with what `variables()` gives (null: nothing to ask), now and whenever it changes.
 * `relevant` picks the events after which the answer is asked for again; without it the answer is not followed.
 */
export function useLiveQuery<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: () => Variables | null,
  relevant?: (event: LiveEvent) => boolean,
): LiveQuery<Data> {
  const data = shallowRef<Data | null>(null)
  const fault = shallowRef<Fault | null>(null)
  const slow = ref(false)
  let asked = 0
  let askedAt = 0
  let soon: ReturnType<typeof setTimeout> | undefined
  let settle: ReturnType<typeof setTimeout> | undefined

  async function refresh(): Promise<void> {
    const wanted = variables()
    if (wanted === null) return
    clearTimeout(soon)
    soon = undefined
    asked += 1
    const mine = asked
    askedAt = Date.now()
    const waiting = setTimeout(() => (slow.value = data.value === null), SKELETON_AFTER)
    const answer = await ask(document, wanted)
    clearTimeout(waiting)
    if (mine !== asked) return
    slow.value = false
    fault.value = answer.fault
    if (answer.fault === null) data.value = answer.data
  }

  function follow(): void {
    clearTimeout(settle)
    settle = setTimeout(() => void refresh(), SETTLE_AFTER)
    soon ??= setTimeout(() => void refresh(), Math.max(FIRST_AFTER, askedAt + AT_MOST_EVERY - Date.now()))
  }

  watch(
    () => JSON.stringify(variables()),
    () => void refresh(),
    { immediate: true },
  )

  let ignore: (() => void) | undefined
  if (relevant !== undefined) {
    ignore = live.listen({
      events: (events) => {
        if (events.some(relevant)) follow()
      },
      caughtUp: follow,
    })
  }
  onScopeDispose(() => {
    asked += 1
    clearTimeout(soon)
    clearTimeout(settle)
    ignore?.()
  })
  return { data, fault, slow, refresh }
}
