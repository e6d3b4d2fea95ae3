/** WWW-Authenticate headers. Source: RFC 9110 section 11, as registries use it. */

/** One scheme that a server would accept. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const LONGEST = 16 * 1024;

/** The challenges of a header; what can't be read is left out. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const token =
    /\s*,?\s*(?:([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([!#$%&'*+.^_`|~\w-]+))/y;
  for (let text = header.slice(0, LONGEST), match; (match = token.exec(text));) {
    const [, name, quoted, bare, scheme] = match;
    if (scheme) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    else if (name) {
      const value = quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "";
      const current = challenges.at(-1);
      if (current) current.parameters[name.toLowerCase()] ??= value;
    }
  }
  return challenges;
}
