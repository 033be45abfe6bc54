// What a report is narrowed to, as its address says it: a part of an address, how far back, and whose.
import { computed } from 'vue'
import { useKept } from '@/app/useKept'
import { sinceOf, spans, type Span } from '@/features/emails/filter'

export function useReportFilter() {
  const { kept, here } = useKept()
  const text = kept('q', '', 'replace')
  const days = kept('days', 'any')
  const account = kept('account', '')
  const span = computed<Span>({
    get: () => spans.find((one) => one === days.value) ?? 'any',
    set: (chosen) => (days.value = chosen),
  })
  return {
    text,
    span,
    /** An account's id; empty: everything in sight, or one's own list. */
    account,
    kept,
    here,
    search: () => (text.value.trim() === '' ? null : text.value.trim()),
    since: () => sinceOf(span.value, new Date()),
    accountId: () => (account.value === '' ? null : account.value),
    narrowed: computed(() => text.value.trim() !== '' || span.value !== 'any'),
  }
}
