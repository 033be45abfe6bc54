// The parts that the page of an account has.
export const views = ['overview', 'settings', 'credentials', 'members', 'below'] as const
export type View = (typeof views)[number]
