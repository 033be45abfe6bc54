// Who is signed in: known once for the whole page, asked of the server when it starts.
import { computed, shallowRef } from 'vue'
import { LoginDocument, LogoutDocument, WhoamiDocument, type SessionFragment } from '@/graphql/gen/graphql'
import { ask, change, type Fault } from './client'
import { live } from './live'

/** undefined: not asked yet; null: nobody. */
const me = shallowRef<SessionFragment | null>()

/** The signed-in person and account; pages behind the login may rely on it. */
export const session = computed(() => me.value ?? null)

/** The zone in which times and days are shown. */
export const timeZone = computed(() => me.value?.account.timeZone ?? 'UTC')

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

export type SignIn =
  { kind: 'in' } | { kind: 'refused'; message: string; next: string | null } | { kind: 'fault'; fault: Fault }

/** Signs in; the session itself is a cookie that scripts cannot read. */
export async function signIn(email: string, password: string): Promise<SignIn> {
  const { data, fault } = await change(LoginDocument, { email, password })
  if (fault !== null) return { kind: 'fault', fault }
  if (data.login.__typename === 'Problem') {
    return { kind: 'refused', message: data.login.message, next: data.login.next ?? null }
  }
  if (data.login.__typename !== 'SignedIn') {
    return { kind: 'refused', message: 'This login needs a code of an authenticator.', next: null }
  }
  me.value = data.login.me
  return { kind: 'in' }
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
