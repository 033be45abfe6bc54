// The parts that the page of unsubscribes has.
export const views = ['people', 'tags'] as const
export type View = (typeof views)[number]
