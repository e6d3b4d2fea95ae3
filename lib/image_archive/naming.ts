/** Under which names the images of an archive are kept: by their annotations and a prefix, as containerd does it. */
import { failedPrecondition } from "../errors.ts";
import type { Descriptor } from "../images/mod.ts";
import { nameAnnotation, tagAnnotation } from "./names.ts";

/** One way to name images. */
export interface NameRule {
  /** `repository` of images that only have a tag. */
  readonly prefix: string;
  /** Take full names as they are; else only those that begin with the prefix. */
  readonly anyName: boolean;
  /** Also name by digest: `prefix@digest`. */
  readonly digests: "never" | "always" | "unnamed";
}

/** An image by a name that it gets. */
export interface NamedTarget {
  readonly name: string;
  readonly target: Descriptor;
}

/** Images by all their names. Throws FailedPrecondition if they would have none: they'd be garbage at once. */
export function nameImages(
  images: readonly Descriptor[],
  { names, indexNames }: { names: readonly NameRule[]; indexNames: readonly string[] },
): NamedTarget[] {
  const named = images.flatMap((target) => namesFor(target, names).map((name) => ({ name, target })));
  if (named.length > 0 || indexNames.length > 0) return named;
  const there = images.flatMap(({ annotations }) =>
    annotations[nameAnnotation] || annotations[tagAnnotation] || []
  );
  if (there.length === 0) {
    throw failedPrecondition(
      "archive: its images have no names: give one with --index-name, or take --digests",
    );
  }
  const prefixes = names.map(({ prefix }) => prefix).join(", ");
  throw failedPrecondition(
    `archive: none of its names is one of ${prefixes}: ${there.slice(0, 10).join(", ")}`,
  );
}

/** The names of one image by all rules, in their order; none if no rule gives one. */
export function namesFor(
  { annotations, digest }: { annotations: Readonly<Record<string, string>>; digest: string },
  rules: readonly NameRule[],
): string[] {
  const names = rules.flatMap((rule) => {
    const name = nameBy(annotations, rule);
    const byDigest = rule.digests === "always" || rule.digests === "unnamed" && name === undefined;
    return [...name === undefined ? [] : [name], ...byDigest ? [`${rule.prefix}@${digest}`] : []];
  });
  return [...new Set(names)];
}

function nameBy(annotations: Readonly<Record<string, string>>, rule: NameRule): string | undefined {
  const full = annotations[nameAnnotation];
  // A full name is never completed: one that doesn't suit the rule as it stands is no name for it.
  if (full) return isFull(full) && isAllowed(full, rule) ? full : undefined;
  const tag = annotations[tagAnnotation];
  if (!tag) return undefined;
  if (!isFull(tag)) return `${rule.prefix}:${tag}`;
  return isAllowed(tag, rule) ? tag : undefined;
}

const isFull = (name: string) => /[/:@]/.test(name);

/** The prefix has to end where a part of the name does. */
function isAllowed(name: string, { anyName, prefix }: NameRule): boolean {
  return anyName || name === prefix || name.startsWith(prefix) && /^[/:@]/.test(name.slice(prefix.length));
}
