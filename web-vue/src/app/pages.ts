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

export const pages: Record<'work' | 'reports' | 'business' | 'settings', readonly PageEntry[]> = {
  work: [
    { name: 'dashboard', icon: 'i-lucide-layout-dashboard', to: '/', needs: 'READ' },
    { name: 'emails', icon: 'i-lucide-mail', to: '/emails', needs: 'READ' },
  ],
  reports: [
    { name: 'engagement', icon: 'i-lucide-mouse-pointer-click', to: '/engagement', needs: 'READ' },
    { name: 'bounces', icon: 'i-lucide-undo-2', to: '/bounces', needs: 'READ' },
    { name: 'complaints', icon: 'i-lucide-flag', to: '/complaints', needs: 'READ' },
    { name: 'unsubscribes', icon: 'i-lucide-user-minus', to: '/unsubscribes', needs: 'READ' },
    { name: 'suppressions', icon: 'i-lucide-ban', to: '/suppressions', needs: 'READ' },
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
    { name: 'templates', icon: 'i-lucide-layout-template', to: '/settings/templates', needs: 'READ' },
    { name: 'treatment', icon: 'i-lucide-wand-sparkles', to: '/settings/treatment', needs: 'READ' },
    { name: 'copies', icon: 'i-lucide-copy', to: '/settings/copies', needs: 'READ' },
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
