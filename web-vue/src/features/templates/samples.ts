// What a new template or footer begins with, so that nobody starts from an empty page.
import type { TemplateKind } from '@/graphql/gen/graphql'

/** Where the message stands in a template. */
export const BODY = '<% body %>'
export const UNSUBSCRIBE = '<% unsubscribe %>'

export const samples: Record<TemplateKind, string> = {
  TEMPLATE: `<table role="presentation" width="100%" style="background:#f4f4f5">
  <tr><td align="center" style="padding:24px">
    <table role="presentation" width="100%" style="max-width:600px;background:#ffffff">
      <tr><td style="padding:24px;font-family:Arial,sans-serif;color:#18181b">
        ${BODY}
      </td></tr>
    </table>
  </td></tr>
</table>
`,
  FOOTER: `<p style="color:#71717a;font-size:12px">${UNSUBSCRIBE}</p>
`,
}

export const kinds = ['TEMPLATE', 'FOOTER'] as const satisfies readonly TemplateKind[]

/** The kind that an address names. */
export function kindOf(named: unknown): TemplateKind {
  return named === 'footers' ? 'FOOTER' : 'TEMPLATE'
}
