// Who is signed in: known once for the whole page, asked of the server when it starts.
import { computed, shallowRef } from 'vue'
import { LogoutDocument, WhoamiDocument, type Permission, type SessionFragment } from '@/graphql/gen/graphql'
import { ask, change } from './client'
import { live } from './live'

/** undefined: not asked yet; null: nobody. */
const me = shallowRef<SessionFragment | null>()

/** The signed-in person and account; pages behind the login may rely on it. */
export const session = computed(() => me.value ?? null)

/** The zone in which times and days are shown. */
export const timeZone = computed(() => me.value?.account.timeZone ?? 'UTC')

/** Whether the operator's own account is acted for: it keeps what everybody uses. */
export const operates = computed(() => me.value?.account.kind === 'OPERATOR')

/** Whether the server would let this person do it; it refuses anyway. */
export function may(permission: Permission): boolean {
  return me.value?.permissions.includes(permission) ?? false
}

/** Asks the server who is here, once. `unreachable`: it could not be asked, and nobody may be sent away for that. */
export async function knownSession(): Promise<SessionFragment | null | 'unreachable'> {
  if (me.value === undefined) {
    const { data, fault } = await ask(WhoamiDocument, {})
    if (fault !== null) return 'unreachable'
    me.value = data.me ?? null
  }
  return me.value
}

/** Takes over a newer answer of the server, such as what the account has left; it signs nobody in or out. */
export function learnSession(told: SessionFragment | null | undefined): void {
  if (told && me.value) me.value = told
}

/** Asks again who is here, after something about it was changed. */
export async function refreshSession(): Promise<void> {
  const { data } = await ask(WhoamiDocument, {})
  learnSession(data?.me)
}

/** Somebody has proved to be `told`; the session itself is a cookie that scripts cannot read. */
export function beginSession(told: SessionFragment): void {
  me.value = told
}

/** Signs out here and on the server. True when the server agreed. */
export async function signOut(): Promise<boolean> {
  const { fault } = await change(LogoutDocument, {})
  if (fault !== null) return false
  forgetSession()
  return true
}

/** Drops all that was known of the person: nothing of theirs may stay on the screen. */
export function forgetSession(): void {
  live.forget()
  me.value = null
}
