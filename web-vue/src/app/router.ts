// Which page an address shows, and which need a login.
import { createRouter, createWebHistory, type RouteLocationNormalized } from 'vue-router'
import { brand } from '@/branding/branding'
import { whenSignedOut } from './client'
import { i18n } from './i18n'
import { hasPage } from './pages'
import { forgetSession, knownSession } from './session'
import type { Permission } from '@/graphql/gen/graphql'

declare module 'vue-router' {
  interface RouteMeta {
    /** Key of the page's name, for the tab and the navigation. */
    title?: string
    /** Shown to people who are not signed in. */
    open?: boolean
    /** Shown to everybody, signed in or not: where mailed links lead. */
    everybody?: boolean
    /** What one must be permitted to see it; for others the page does not exist. */
    needs?: Permission
    /** Only for those who may have accounts below their own. */
    resells?: boolean
  }
}

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  routes: [
    {
      path: '/login',
      name: 'login',
      component: () => import('@/features/auth/LoginPage.vue'),
      meta: { open: true, title: 'login.heading' },
    },
    {
      path: '/forgotten',
      name: 'forgotten',
      component: () => import('@/features/auth/ForgottenPage.vue'),
      meta: { open: true, title: 'forgotten.heading' },
    },
    {
      path: '/sign-up',
      name: 'sign-up',
      component: () => import('@/features/auth/SignUpPage.vue'),
      meta: { open: true, title: 'signUp.heading' },
    },
    {
      path: '/invitation',
      name: 'invitation',
      component: () => import('@/features/auth/InvitationPage.vue'),
      meta: { everybody: true, title: 'invitation.heading' },
    },
    {
      path: '/reset',
      name: 'reset',
      component: () => import('@/features/auth/ResetPage.vue'),
      meta: { everybody: true, title: 'reset.heading' },
    },
    {
      path: '/sign-up/confirm',
      name: 'confirm-sign-up',
      component: () => import('@/features/auth/ConfirmPage.vue'),
      meta: { everybody: true, title: 'signUp.confirm' },
    },
    {
      path: '/unreachable',
      name: 'unreachable',
      component: () => import('./UnreachablePage.vue'),
      meta: { open: true, title: 'fault.title' },
    },
    {
      path: '/',
      component: () => import('./AppShell.vue'),
      children: [
        {
          path: '',
          name: 'dashboard',
          component: () => import('@/features/dashboard/DashboardPage.vue'),
          meta: { title: 'nav.dashboard', needs: 'READ' },
        },
        {
          path: 'emails',
          name: 'emails',
          component: () => import('@/features/emails/EmailsPage.vue'),
          meta: { title: 'nav.emails', needs: 'READ' },
        },
        {
          path: 'emails/:id',
          name: 'message',
          component: () => import('@/features/message/MessagePage.vue'),
          meta: { title: 'message.title', needs: 'READ' },
        },
        {
          path: 'engagement',
          name: 'engagement',
          component: () => import('@/features/engagement/EngagementPage.vue'),
          meta: { title: 'nav.engagement', needs: 'READ' },
        },
        {
          path: 'bounces',
          name: 'bounces',
          component: () => import('@/features/reports/BouncesPage.vue'),
          meta: { title: 'nav.bounces', needs: 'READ' },
        },
        {
          path: 'complaints',
          name: 'complaints',
          component: () => import('@/features/reports/ComplaintsPage.vue'),
          meta: { title: 'nav.complaints', needs: 'READ' },
        },
        {
          path: 'unsubscribes',
          name: 'unsubscribes',
          component: () => import('@/features/unsubscribes/UnsubscribesPage.vue'),
          meta: { title: 'nav.unsubscribes', needs: 'READ' },
        },
        {
          path: 'suppressions',
          name: 'suppressions',
          component: () => import('@/features/suppressions/SuppressionsPage.vue'),
          meta: { title: 'nav.suppressions', needs: 'READ' },
        },
        {
          path: 'settings/templates',
          name: 'templates',
          component: () => import('@/features/templates/TemplatesPage.vue'),
          meta: { title: 'nav.templates', needs: 'READ' },
        },
        {
          path: 'settings/templates/new',
          name: 'new-template',
          component: () => import('@/features/templates/TemplatePage.vue'),
          meta: { title: 'nav.templates', needs: 'ACCOUNTS' },
        },
        {
          path: 'settings/templates/:id',
          name: 'template',
          component: () => import('@/features/templates/TemplatePage.vue'),
          meta: { title: 'nav.templates', needs: 'READ' },
        },
        {
          path: 'settings/treatment',
          name: 'treatment',
          component: () => import('@/features/treatment/TreatmentPage.vue'),
          meta: { title: 'nav.treatment', needs: 'READ' },
        },
        {
          path: 'settings/copies',
          name: 'copies',
          component: () => import('@/features/copies/CopiesPage.vue'),
          meta: { title: 'nav.copies', needs: 'READ' },
        },
        {
          path: 'settings/smtp',
          name: 'smtp',
          component: () => import('@/features/sending/SmtpPage.vue'),
          meta: { title: 'nav.smtp', needs: 'READ' },
        },
        {
          path: 'accounts',
          name: 'accounts',
          component: () => import('@/features/accounts/AccountsPage.vue'),
          meta: { title: 'nav.accounts', needs: 'ACCOUNTS', resells: true },
        },
        {
          path: 'accounts/new',
          name: 'new-account',
          component: () => import('@/features/accounts/NewAccountPage.vue'),
          meta: { title: 'accounts.new', needs: 'ACCOUNTS', resells: true },
        },
        {
          path: 'accounts/:id',
          name: 'sub-account',
          component: () => import('@/features/accounts/AccountPage.vue'),
          meta: { title: 'nav.accounts', needs: 'ACCOUNTS', resells: true },
        },
        {
          path: 'settings/account',
          name: 'account',
          component: () => import('@/features/accounts/OwnAccountPage.vue'),
          meta: { title: 'nav.account', needs: 'ACCOUNTS' },
        },
        {
          path: 'settings/sources',
          name: 'sources',
          component: () => import('@/features/sources/SourcesPage.vue'),
          meta: { title: 'nav.sources', needs: 'ACCOUNTS' },
        },
        {
          path: 'settings/members',
          name: 'members',
          component: () => import('@/features/members/MembersPage.vue'),
          meta: { title: 'nav.members', needs: 'MEMBERS' },
        },
        {
          path: 'credits',
          name: 'credits',
          component: () => import('@/features/credits/CreditsPage.vue'),
          meta: { title: 'nav.credits', needs: 'CREDITS' },
        },
        {
          path: 'plans',
          name: 'plans',
          component: () => import('@/features/plans/PlansPage.vue'),
          meta: { title: 'nav.plans', needs: 'CREDITS' },
        },
        {
          path: 'partners',
          name: 'partners',
          component: () => import('@/features/partners/PartnersPage.vue'),
          meta: { title: 'nav.partners', needs: 'ACCOUNTS', resells: true },
        },
        {
          path: 'settings/audit',
          name: 'audit',
          component: () => import('@/features/audit/AuditPage.vue'),
          meta: { title: 'nav.audit', needs: 'AUDIT' },
        },
        {
          path: 'settings/security',
          name: 'security',
          component: () => import('@/features/security/SecurityPage.vue'),
          meta: { title: 'nav.security' },
        },
        {
          path: 'settings/credentials',
          name: 'credentials',
          component: () => import('@/features/credentials/CredentialsPage.vue'),
          meta: { title: 'nav.credentials', needs: 'KEYS' },
        },
        {
          path: ':missing(.*)*',
          name: 'missing',
          component: () => import('./MissingPage.vue'),
          meta: { title: 'missing.title' },
        },
      ],
    },
  ],
})

/** Where a login leads: back to the page that asked for it, never to another site. */
export function afterLogin(to: RouteLocationNormalized): string {
  const next = to.query.next
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/'
}

router.beforeEach(async (to) => {
  if (to.meta.everybody) return true
  const who = await knownSession()
  if (to.name === 'unreachable') return who === 'unreachable' ? true : afterLogin(to)
  if (who === 'unreachable') return { name: 'unreachable', query: { next: to.fullPath } }
  if (to.meta.open) return who === null ? true : afterLogin(to)
  if (who === null) return { name: 'login', query: to.path === '/' ? {} : { next: to.fullPath } }
  const { needs, resells } = to.meta
  if (needs === undefined || hasPage(who, { needs, resells })) return true
  // Nobody is told "no" at their own front door: it is the first page they may see.
  if (to.name === 'dashboard') return { name: hasPage(who, { needs: 'CREDITS' }) ? 'credits' : 'security' }
  return { name: 'missing', params: { missing: to.path.split('/').filter(Boolean) } }
})

router.afterEach((to) => setTitle(to.meta.title === undefined ? null : i18n.global.t(to.meta.title)))

/** Names the tab: what it shows, then whose product it is. */
export function setTitle(page: string | null): void {
  document.title = page === null ? brand.name : `${page} · ${brand.name}`
}

whenSignedOut(() => {
  forgetSession()
  const here = router.currentRoute.value
  if (!here.meta.open && !here.meta.everybody) void router.push({ name: 'login', query: { next: here.fullPath } })
})
