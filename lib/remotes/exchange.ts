/** A request to a registry's host as one of its users: its questions are answered, its headers sent along. */
import type { Authorizer } from "./authorizer.ts";
import { connectionTo } from "./connection.ts";
import { baseUrl, type RegistryHost } from "./hosts.ts";
import { type Answer, type HttpRequest, send } from "./http.ts";
import type { HttpLog } from "./http_log.ts";

const MOST_AUTH_ROUNDS = 2;

/** What every request says of us. */
export const agent = { "user-agent": "longshore/0.1" };

/** Sends a request: {@linkcode send}, or somebody who does it elsewhere. */
export type Sender = typeof send;

/** One server, and what we are to it. */
export interface Place {
  readonly host: RegistryHost;
  readonly authorizer: Authorizer;
  /** What is wanted there: "repository:app:pull", several with blanks between them. */
  readonly scope: string;
  /** A lesser scope whose credentials may do, and are tried while there are none for `scope`. */
  readonly lesserScope?: string;
  readonly sender?: Sender;
  readonly log?: HttpLog;
}

/** The scheme, name and port of a host. */
export const originOf = ({ scheme, host }: RegistryHost) => new URL(`${scheme}://${host}`).origin;

/** What is sent to the host and to nobody else. */
export function headersFor({ host, authorizer, scope, lesserScope }: Place): Record<string, string> {
  const origin = originOf(host);
  const authorization = authorizer.header(origin, scope) ??
    (lesserScope ? authorizer.header(origin, lesserScope) : undefined);
  return { ...agent, ...host.headers, ...authorization && { authorization } };
}

/**
 * Sends a request, once more with new credentials if the host asks who we are. Addresses at other hosts are asked
 * without credentials, and a 401 from there is no question to us.
 */
export async function exchange(place: Place, request: HttpRequest, signal?: AbortSignal): Promise<Answer> {
  const origin = originOf(place.host);
  const isOwn = new URL(request.url).origin === origin;
  const connection = connectionTo(place.host.connection, origin, request.url);
  const { log } = place;
  for (let round = 0;; round++) {
    const headers: Record<string, string> = { ...isOwn ? headersFor(place) : agent, ...request.headers };
    const answer = await (place.sender ?? send)({ ...request, headers, connection, log }, signal);
    const asked = answer.status === 401 && isOwn && new URL(answer.url).origin === origin;
    if (!asked || round >= MOST_AUTH_ROUNDS) return answer;
    // Somebody who asked at the same time may have found out what to say.
    const known = headersFor(place).authorization;
    if (known !== undefined && known !== headers.authorization) {
      await answer.body?.cancel();
      continue;
    }
    if (!await place.authorizer.answer(place, answer, signal)) return answer;
    await answer.body?.cancel();
  }
}

/** An address in a repository of a place's host. */
export const addressIn = ({ host }: Place, repository: string, path: string) =>
  baseUrl(host, repository) + path;
