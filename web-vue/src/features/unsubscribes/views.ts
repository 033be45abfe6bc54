// The parts that the page of unsubscribes has, and the stages of the page that recipients see.
export const views = ['people', 'tags'] as const
export type View = (typeof views)[number]

export const stages = ['asked', 'done', 'undone'] as const
export type Stage = (typeof stages)[number]
