// Which of one's own plans an account can be given, ready to choose from.
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { useFormat } from '@/app/format'
import { may } from '@/app/session'
import { useLiveQuery } from '@/app/useLiveQuery'
import { PlanChoicesDocument } from '@/graphql/gen/graphql'

/** Stands for "no plan": a choice needs a value. */
export const NO_PLAN = 'none'

/** The plans that are still sold, and `kept` whatever became of it; nothing where `wanted` says so. `none` is its text. */
export function usePlans(none: string, wanted: () => boolean, kept: () => string | null = () => null) {
  const { t } = useI18n()
  const { count } = useFormat()
  const { data } = useLiveQuery(PlanChoicesDocument, () => (wanted() && may('CREDITS') ? {} : null))
  return computed(() => [
    { value: NO_PLAN, label: none },
    ...(data.value?.plans.nodes ?? [])
      .filter(({ id, archivedAt }) => !archivedAt || id === kept())
      .map(({ id, name, credits, monthly }) => ({
        value: id,
        label: t('accounts.planOf', {
          name,
          gives: t(monthly ? 'plans.monthlyCredits' : 'plans.onceCredits', { count: count(credits) }),
        }),
      })),
  ])
}
