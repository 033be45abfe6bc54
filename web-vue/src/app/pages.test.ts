// Does everybody find the pages of their role, and nobody more?
import { describe, expect, it } from 'vitest'
import type { Permission } from '@/graphql/gen/graphql'
import { hasPage, pages } from './pages'

function seen(permissions: Permission[], mayResell: boolean): string[] {
  const who = { permissions, account: { mayResell } } as Parameters<typeof hasPage>[0]
  return Object.values(pages)
    .flat()
    .filter((page) => hasPage(who, page))
    .map(({ name }) => name)
}

const everything: Permission[] = ['READ', 'SEND', 'ACCOUNTS', 'MEMBERS', 'KEYS', 'CREDITS', 'AUDIT']

describe('the navigation', () => {
  it('shows everything to the owner of a reseller', () => {
    expect(seen(everything, true)).toEqual([
      'dashboard',
      'emails',
      'engagement',
      'bounces',
      'complaints',
      'unsubscribes',
      'suppressions',
      'accounts',
      'credits',
      'plans',
      'partners',
      'smtp',
      'credentials',
      'templates',
      'treatment',
      'copies',
      'account',
      'sources',
      'members',
      'audit',
    ])
  })

  it('has no word of sub-accounts for those who may not resell', () => {
    const names = seen(everything, false)
    expect(names).not.toContain('accounts')
    expect(names).not.toContain('partners')
    expect(names).toContain('members')
  })

  it('shows reading pages to an analyst and money to billing', () => {
    expect(seen(['READ'], true)).toEqual([
      'dashboard',
      'emails',
      'engagement',
      'bounces',
      'complaints',
      'unsubscribes',
      'suppressions',
      'smtp',
      'templates',
      'treatment',
      'copies',
    ])
    expect(seen(['CREDITS'], true)).toEqual(['credits', 'plans'])
  })
})
