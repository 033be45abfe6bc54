// A list read page by page: what is there so far, whether there is more, and what went wrong.
import type { AnyVariables, TypedDocumentNode } from '@urql/core'
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { ask, type Fault } from './client'

const SKELETON_AFTER = 150
export const PAGE = 50

export interface ListPage<Row> {
  nodes: readonly Row[]
  pageInfo?: { hasNextPage: boolean; endCursor?: string | null }
}

export interface List<Row> {
  /** null until a first answer. */
  rows: Readonly<ShallowRef<readonly Row[] | null>>
  fault: Readonly<ShallowRef<Fault | null>>
  busy: Readonly<Ref<boolean>>
  slow: Readonly<Ref<boolean>>
  more: Readonly<Ref<boolean>>
  reload: () => Promise<void>
  loadMore: () => Promise<void>
}

/** Asks for a list when its variables change; `after` is filled in here, `pick` finds the page in the answer. */
export function useList<Row extends { id: string }, Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: (after: string | null) => Variables | null,
  pick: (data: Data) => ListPage<Row> | null | undefined,
): List<Row> {
  const rows = shallowRef<readonly Row[] | null>(null)
  const fault = shallowRef<Fault | null>(null)
  const busy = ref(false)
  const slow = ref(false)
  const more = ref(false)
  let cursor: string | null = null
  let asked = 0

  async function next(before: readonly Row[]): Promise<void> {
    const wanted = variables(before.length === 0 ? null : cursor)
    if (wanted === null) return
    asked += 1
    const mine = asked
    busy.value = true
    const waiting = setTimeout(() => (slow.value = rows.value === null), SKELETON_AFTER)
    const answer = await ask(document, wanted)
    clearTimeout(waiting)
    if (mine !== asked) return
    busy.value = false
    slow.value = false
    fault.value = answer.fault
    if (answer.fault !== null) return
    const page = pick(answer.data)
    const known = new Set(before.map(({ id }) => id))
    rows.value = [...before, ...(page?.nodes ?? []).filter(({ id }) => !known.has(id))]
    cursor = page?.pageInfo?.endCursor ?? null
    more.value = page?.pageInfo?.hasNextPage ?? false
  }

  watch(
    () => JSON.stringify(variables(null)),
    () => void next([]),
    { immediate: true },
  )
  onScopeDispose(() => (asked += 1))
  return { rows, fault, busy, slow, more, reload: () => next([]), loadMore: () => next(rows.value ?? []) }
}
