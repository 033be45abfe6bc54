// The list of emails: pages of it as far as somebody read, its lines kept true by the ledger.
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { ask, type Fault } from '@/app/client'
import { live } from '@/app/live'
import { statusAfter, statusOf, type Status } from '@/app/status'
import { EmailsDocument, type EmailLineFragment } from '@/graphql/gen/graphql'
import { asFilter, type Wanted } from './filter'

const PAGE = 50

export interface Line {
  id: string
  messageId: string
  status: Status
  sender: string
  recipient: string
  subject: string
  at: string
}

function lineOf(told: EmailLineFragment): Line {
  return {
    id: told.id,
    messageId: told.message.id,
    status: statusOf(told),
    sender: told.message.sender,
    recipient: told.address,
    subject: told.message.subject,
    at: told.message.acceptedAt,
  }
}

export function useEmails(wanted: Ref<Wanted>) {
  const lines = shallowRef<Line[] | null>(null)
  const fault = shallowRef<Fault | null>(null)
  const busy = ref(false)
  const slow = ref(false)
  const more = ref(false)
  // Recipients that came after the list was asked for.
  const news = shallowRef(new Set<string>())
  let cursor: string | null = null
  let since = new Date()
  let asked = 0

  async function load(): Promise<void> {
    asked += 1
    since = new Date()
    cursor = null
    news.value = new Set()
    await next(asked, [])
  }

  async function next(mine: number, before: Line[]): Promise<void> {
    busy.value = true
    const waiting = setTimeout(() => (slow.value = lines.value === null), 150)
    const { data, fault: failed } = await ask(EmailsDocument, {
      first: PAGE,
      after: cursor,
      filter: asFilter(wanted.value, since),
    })
    clearTimeout(waiting)
    if (mine !== asked) return
    busy.value = false
    slow.value = false
    fault.value = failed
    if (failed !== null) return
    const { nodes, pageInfo } = data.recipients
    const known = new Set(before.map(({ id }) => id))
    lines.value = [...before, ...nodes.map(lineOf).filter(({ id }) => !known.has(id))]
    cursor = pageInfo.endCursor ?? null
    more.value = pageInfo.hasNextPage
  }

  watch(
    () => JSON.stringify(wanted.value),
    () => void load(),
    { immediate: true },
  )

  const ignore = live.listen({
    events(events) {
      if (lines.value === null) return
      const byId = new Map(lines.value.map((line) => [line.id, line]))
      const fresh = new Set(news.value)
      let changed = false
      for (const event of events) {
        const line = byId.get(event.recipientId)
        if (line !== undefined) {
          byId.set(line.id, { ...line, status: statusAfter(line.status, event.kind) })
          changed = true
        } else if (event.kind === 'ACCEPTED') fresh.add(event.recipientId)
      }
      if (changed) lines.value = lines.value.map((line) => byId.get(line.id) ?? line)
      if (fresh.size !== news.value.size) news.value = fresh
    },
  })
  onScopeDispose(() => {
    asked += 1
    ignore()
  })

  return {
    lines,
    fault,
    busy,
    slow,
    more,
    /** How many came since; a filter may yet leave them out. */
    news: computed(() => news.value.size),
    reload: load,
    loadMore: () => next(asked, lines.value ?? []),
  }
}
