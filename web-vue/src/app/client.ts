// How the dashboard asks the API: one client for queries and mutations, and what its refusals mean.
import {
  Client,
  CombinedError,
  fetchExchange,
  mapExchange,
  type AnyVariables,
  type TypedDocumentNode,
} from '@urql/core'
import { retryExchange } from '@urql/exchange-retry'

/** What went wrong, for people. */
export interface Fault {
  /** `offline`: the server was not reached; `refused`: it answered, and `message` says why not. */
  kind: 'offline' | 'refused'
  message: string | null
  /** What to do next, in the server's words. */
  next: string | null
}

let tellSignedOut: () => void = () => {}

/** Says whom to tell when the server no longer knows this session. */
export function whenSignedOut(tell: () => void): void {
  tellSignedOut = tell
}

/** The server said that the session is over. */
export function signedOut(): void {
  tellSignedOut()
}

function codeOf(error: CombinedError): unknown {
  return error.graphQLErrors.find((one) => one.extensions?.code !== undefined)?.extensions.code
}

/** Translates a failed request. */
export function faultOf(error: CombinedError): Fault {
  const first = error.graphQLErrors[0]
  if (first === undefined) return { kind: 'offline', message: null, next: null }
  const next = first.extensions?.next
  return { kind: 'refused', message: first.message, next: typeof next === 'string' ? next : null }
}

const client = new Client({
  url: '/graphql',
  requestPolicy: 'network-only',
  preferGetMethod: false,
  // The header is one that a foreign page cannot set: it keeps requests from being forged.
  fetchOptions: { credentials: 'same-origin', headers: { 'X-Requested-With': 'web' } },
  exchanges: [
    mapExchange({
      onError(error) {
        if (codeOf(error) === 'UNAUTHENTICATED') signedOut()
      },
    }),
    // Mutations are never repeated: a repeated send is a second mail.
    retryExchange({
      initialDelayMs: 300,
      maxNumberAttempts: 3,
      retryIf: (error, operation) => operation.kind === 'query' && error.networkError !== undefined,
    }),
    fetchExchange,
  ],
})

/** An answer, or what went wrong; never both, never neither. */
export type Answer<Data> = { data: Data; fault: null } | { data: null; fault: Fault }

/** Asks a query. A partial answer counts as a fault: zeros must never stand for an error. */
export async function ask<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  const result = await client.query(document, variables).toPromise()
  return answer(result.data, result.error)
}

/** Asks for a change. It is sent once. */
export async function change<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  const result = await client.mutation(document, variables).toPromise()
  return answer(result.data, result.error)
}

function answer<Data>(data: Data | undefined, error: CombinedError | undefined): Answer<Data> {
  if (error !== undefined) return { data: null, fault: faultOf(error) }
  if (data === undefined || data === null) return { data: null, fault: { kind: 'refused', message: null, next: null } }
  return { data, fault: null }
}
