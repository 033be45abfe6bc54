// The parts of the page of plans.
export const views = ['orders', 'buy', 'sell'] as const
export type View = (typeof views)[number]
