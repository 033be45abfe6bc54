// Which addresses an account's mail may leave from, ready to choose from.
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { useLiveQuery } from '@/app/useLiveQuery'
import { SourceChoicesDocument } from '@/graphql/gen/graphql'

/** Stands for "as the account above": a choice needs a value. */
export const AS_ABOVE = 'above'

export function useSources() {
  const { t } = useI18n()
  const { data } = useLiveQuery(SourceChoicesDocument, () => ({}))
  return computed(() => [
    { value: AS_ABOVE, label: t('accounts.sourceParent') },
    ...(data.value?.sources ?? []).map(({ id, name, ip, dedicated }) => ({
      value: id,
      label: dedicated ? t('accounts.sourceOwn', { name, ip }) : t('accounts.sourceShared', { name, ip }),
    })),
  ])
}
