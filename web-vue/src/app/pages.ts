// Which pages there are for whom: the navigation, the palette and the router's guard read this one list.
import type { Permission, SessionFragment } from '@/graphql/gen/graphql'

export interface PageEntry {
  /** The route's name and the last part of the text `nav.*`. */
  name: string
  icon: string
  to: string
  needs: Permission
  /** Only for those who may have accounts below their own. */
  resells?: boolean
}

export const pages: Record<'work' | 'business' | 'settings', readonly PageEntry[]> = {
  work: [
    { name: 'dashboard', icon: 'i-lucide-layout-dashboard', to: '/', needs: 'READ' },
    { name: 'emails', icon: 'i-lucide-mail', to: '/emails', needs: 'READ' },
  ],
  business: [
    { name: 'accounts', icon: 'i-lucide-building-2', to: '/accounts', needs: 'ACCOUNTS', resells: true },
    { name: 'credits', icon: 'i-lucide-coins', to: '/credits', needs: 'CREDITS' },
    { name: 'plans', icon: 'i-lucide-tags', to: '/plans', needs: 'CREDITS' },
    { name: 'partners', icon: 'i-lucide-handshake', to: '/partners', needs: 'ACCOUNTS', resells: true },
  ],
  settings: [
    { name: 'smtp', icon: 'i-lucide-server', to: '/settings/smtp', needs: 'READ' },
    { name: 'credentials', icon: 'i-lucide-key-round', to: '/settings/credentials', needs: 'KEYS' },
    { name: 'account', icon: 'i-lucide-settings', to: '/settings/account', needs: 'ACCOUNTS' },
    { name: 'sources', icon: 'i-lucide-network', to: '/settings/sources', needs: 'ACCOUNTS' },
    { name: 'members', icon: 'i-lucide-users', to: '/settings/members', needs: 'MEMBERS' },
    { name: 'audit', icon: 'i-lucide-scroll-text', to: '/settings/audit', needs: 'AUDIT' },
  ],
}

/** Whether a page exists for somebody: a sub-user who may not resell sees nothing of sub-accounts. */
export function hasPage(
  who: Pick<SessionFragment, 'permissions' | 'account'>,
  page: Pick<PageEntry, 'needs' | 'resells'>,
): boolean {
  return who.permissions.includes(page.needs) && (!page.resells || who.account.mayResell)
}
