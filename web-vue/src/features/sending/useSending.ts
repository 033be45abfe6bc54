// What a mail program needs to send through this account.
import { computed } from 'vue'
import { session } from '@/app/session'
import { useLiveQuery } from '@/app/useLiveQuery'
import { SmtpSettingsDocument } from '@/graphql/gen/graphql'
import { preferred, type Access } from './snippets'

export function useSending() {
  const query = useLiveQuery(SmtpSettingsDocument, () => ({}))
  const settings = computed(() => query.data.value?.smtpSettings ?? null)
  const access = computed<Access | null>(() =>
    settings.value === null
      ? null
      : {
          host: settings.value.host,
          port: preferred(settings.value.startTlsPorts)[0] ?? 587,
          user: settings.value.users[0] ?? 'USER',
          from: session.value?.member?.email ?? 'you@example.com',
          to: settings.value.testRecipient,
        },
  )
  return { ...query, settings, access }
}
