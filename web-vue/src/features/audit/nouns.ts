// What kinds of changes the audit list can be narrowed to: how its actions begin.
export const EVERYTHING = 'everything'
export const nouns = [
  'account',
  'member',
  'invitation',
  'session',
  'password',
  'second_factor',
  'credential',
  'credits',
  'plan',
  'order',
  'message',
  'source',
  'template',
  'footer',
  'treatment',
  'copy_rule',
  'suppression',
  'unsubscribe_tag',
  'link',
] as const
