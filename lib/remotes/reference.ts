/** Names of images: `host/path:tag`, `host/path@digest` or both; and the short forms that people type. */
import { invalidArgument } from "../errors.ts";

/** A full reference in its parts. */
export interface Reference {
  /** With the port, if there is one. */
  readonly host: string;
  readonly repository: string;
  /** Empty if only a digest is named. */
  readonly tag: string;
  /** Empty if only a tag is named. */
  readonly digest: string;
}

const LONGEST = 4096;
const LONGEST_REPOSITORY = 255;
const host =
  /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::[0-9]{1,5})?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tag = /^\w[\w.-]{0,127}$/;
const digest = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;

/**
 * The parts of a full reference; nothing is filled in. Throws InvalidArgument, naming the part that is wrong.
 *
 * @example
 * ```ts
 * parseReference("docker.io/library/alpine:3.20").repository; // "library/alpine"
 * ```
 */
export function parseReference(reference: string): Reference {
  const wrong = (why: string) => invalidArgument(`reference ${quoted(reference)}: ${why}`);
  if (reference.length > LONGEST) throw wrong(`longer than ${LONGEST} characters`);
  if (reference.includes("://")) throw wrong("must not name a scheme");
  const slash = reference.indexOf("/");
  if (slash <= 0) throw wrong("hostname required");
  const parts = { host: reference.slice(0, slash), ...splitObject(reference.slice(slash + 1)) };
  if (!host.test(parts.host)) throw wrong(`${quoted(parts.host)} is not a host name`);
  checkRepository(parts.repository, wrong);
  if (parts.tag === undefined && parts.digest === undefined) {
    throw wrong("object required: a tag or a digest");
  }
  if (parts.tag !== undefined && !tag.test(parts.tag)) throw wrong(`${quoted(parts.tag)} is not a tag`);
  if (parts.digest !== undefined && !digest.test(parts.digest)) {
    throw wrong(`${quoted(parts.digest)} is not a digest`);
  }
  return { host: parts.host, repository: parts.repository, tag: parts.tag ?? "", digest: parts.digest ?? "" };
}

function splitObject(rest: string): { repository: string; tag?: string; digest?: string } {
  const at = rest.indexOf("@");
  const name = at < 0 ? rest : rest.slice(0, at);
  const colon = name.indexOf(":");
  return {
    repository: colon < 0 ? name : name.slice(0, colon),
    tag: colon < 0 ? undefined : name.slice(colon + 1),
    digest: at < 0 ? undefined : rest.slice(at + 1),
  };
}

function checkRepository(repository: string, wrong: (why: string) => Error): void {
  if (repository === "") throw wrong("repository required");
  if (repository.length > LONGEST_REPOSITORY) {
    throw wrong(`repository longer than ${LONGEST_REPOSITORY} characters`);
  }
  for (const part of repository.split("/")) {
    if (component.test(part)) continue;
    const hint = component.test(part.toLowerCase()) ? " (repositories are in lower case)" : "";
    throw wrong(`${quoted(part)} is not a part of a repository's name${hint}`);
  }
}

/** The reference as one text. */
export function formatReference({ host, repository, tag, digest }: Reference): string {
  return `${host}/${repository}${tag && `:${tag}`}${digest && `@${digest}`}`;
}

/**
 * The full form of what people type, as docker completes it.
 *
 * @example
 * ```ts
 * normalizeReference("alpine"); // "docker.io/library/alpine:latest"
 * ```
 */
export function normalizeReference(typed: string): string {
  const slash = typed.indexOf("/");
  const first = slash < 0 ? "" : typed.slice(0, slash);
  const named = /[.:]/.test(first) || first === "localhost" || first.startsWith("[") ||
    first !== first.toLowerCase();
  let full = named ? typed : `docker.io/${slash < 0 ? "library/" : ""}${typed}`;
  full = full.replace(/^index\.docker\.io\//, "docker.io/").replace(
    /^docker\.io\/(?=[^/]*$)/,
    "docker.io/library/",
  );
  const afterHost = full.slice(full.indexOf("/") + 1);
  if (typed !== "" && !/[:@]/.test(afterHost)) full += ":latest";
  return formatReference(parseReference(full));
}

const quoted = (text: string) => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
