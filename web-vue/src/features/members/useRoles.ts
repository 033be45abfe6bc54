// The roles that somebody may give, ready to choose from: none above their own.
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { session } from '@/app/session'
import type { Role } from '@/graphql/gen/graphql'

const roles: readonly Role[] = ['OWNER', 'ADMIN', 'SENDER', 'ANALYST', 'BILLING']

export function useRoles() {
  const { t } = useI18n()
  return computed(() =>
    roles
      .filter((one) => one !== 'OWNER' || session.value?.member?.role === 'OWNER')
      .map((value) => ({ value, label: t(`role.${value}.name`) })),
  )
}
