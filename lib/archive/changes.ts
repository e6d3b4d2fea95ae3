/**
 * What has changed between two trees, in the order in which a layer tells it: a directory before what is in it,
 * names by their bytes.
 *
 * Both ways of looking give the same changes: the upper directory of an overlay alone, and two mounted trees side
 * by side. That is why the layer made of them is the same to the last byte.
 */
import { Code, CtrError, invalidArgument } from "../errors.ts";
import { closeFd, type FileStat } from "../sys/mod.ts";
import { type BothOwners, isSame } from "./compare.ts";
import { type ByteText, quote } from "./names.ts";
import { filesIn, type Found, isDirectory, isSocket, lookUp, marksOf, openChild } from "./side.ts";
import { isWhiteout, join } from "./tree.ts";
import type { Form } from "./whiteouts.ts";

/** One thing that a layer says. */
export interface Change {
  /** From the root of the tree; for "hideAll" the directory's own. */
  readonly path: ByteText;
  /** There and new or different; there no more; a directory of which nothing of before is left. */
  readonly kind: "put" | "hide" | "hideAll";
}

/** The kernel takes no path longer than this, so nobody could unpack it. */
const LONGEST_PATH = 4095;

/** A change, or a file that will be one if another name of the same file is. */
interface Candidate extends Change {
  changed: boolean;
}

/**
 * How a directory is read: as mounted, or as overlayfs keeps it; there either on top of a lower one, or by itself.
 */
interface Manner {
  readonly raw: boolean;
  readonly merged: boolean;
}

/** Finds the changes that lead from `lowerFd` (nothing, if undefined) to `upperFd`, both roots of trees. */
export class Changes {
  readonly #found: Candidate[] = [];
  /** The names of files that have several. */
  readonly #links = new Map<string, Candidate[]>();

  readonly #owners: BothOwners;

  /** `owners`: whose files the trees' are. */
  constructor(owners: BothOwners = {}) {
    this.#owners = owners;
  }

  /** Looks at both trees; gives way after each file. Throws InvalidArgument for what no layer can tell. */
  *find(lowerFd: number | undefined, upperFd: number, form: Form): Generator<void> {
    const overlay = form === "overlay";
    yield* descend(this.#directory(lowerFd, upperFd, "", { raw: overlay, merged: overlay }));
  }

  /** The changes, and the directories above each. */
  *all(): Generator<Change> {
    for (const names of this.#links.values()) {
      const changed = names.some(({ changed }) => changed);
      for (const name of names) name.changed = changed;
    }
    const told = new Set<ByteText>([""]);
    for (const { path, kind, changed } of this.#found) {
      if (!changed) continue;
      yield* parentsOf(path, told);
      if (kind === "hideAll") yield* putOnce(path, told);
      if (kind === "put") yield* putOnce(path, told);
      else yield { path, kind };
    }
  }

  *#directory(lowerFd: number | undefined, upperFd: number, path: ByteText, manner: Manner): Walk {
    const { there, hidden } = split(upperFd, manner);
    this.#deletions(lowerFd, path, there, manner.merged ? hidden : undefined);
    yield;
    for (const upper of there) {
      const child = join(path, upper.name);
      if (child.length > LONGEST_PATH) throw tooLong(child);
      const lower = lowerFd === undefined ? undefined : lookUp(lowerFd, upper.name);
      const same = lower !== undefined && isSame(lowerFd!, lower, upperFd, upper, this.#owners);
      this.#put(child, upper, !same);
      yield isDirectory(upper.stat) ? this.#below(lowerFd, lower, upperFd, upper, child, manner) : undefined;
    }
  }

  *#below(
    lowerDir: number | undefined,
    lower: Found | undefined,
    upperDir: number,
    upper: Found,
    path: ByteText,
    { raw, merged }: Manner,
  ): Walk {
    const opaque = raw && marksOf(upperDir, upper).opaque;
    const upperFd = openChild(upperDir, upper.name);
    try {
      const lowerFd = lower && isDirectory(lower.stat) ? openChild(lowerDir!, lower.name) : undefined;
      try {
        yield this.#directory(lowerFd, upperFd, path, { raw, merged: merged && !opaque });
      } finally {
        if (lowerFd !== undefined) closeFd(lowerFd);
      }
    } finally {
      closeFd(upperFd);
    }
  }

  /** Tells what is there no more: that which overlayfs has marked as `hidden`, else whatever isn't `there`. */
  #deletions(
    lowerFd: number | undefined,
    path: ByteText,
    there: Found[],
    hidden: ByteText[] | undefined,
  ) {
    if (lowerFd === undefined || hidden?.length === 0) return;
    const names = new Set(there.map(({ name }) => name));
    const before = hidden && hidden.length < 2
      ? hidden.flatMap((name) => lookUp(lowerFd, name) ?? [])
      : [...filesIn(lowerFd)].filter(({ stat }) => !isSocket(stat));
    const marked = hidden && new Set(hidden);
    const gone = before.filter(({ name }) => marked ? marked.has(name) : !names.has(name));
    // One word for all instead of one for each; at the root there is none, since nothing stands for it.
    if (path !== "" && gone.length > 1 && gone.length === before.length) {
      this.#found.push({ path, kind: "hideAll", changed: true });
      return;
    }
    for (const { name } of gone) this.#found.push({ path: join(path, name), kind: "hide", changed: true });
  }

  #put(path: ByteText, { name, stat }: Found, changed: boolean) {
    const several = !isDirectory(stat) && stat.links > 1;
    if (!changed && !several) return;
    if (changed) refuse(path, name, stat);
    const candidate: Candidate = { path, kind: "put", changed };
    this.#found.push(candidate);
    if (!several) return;
    const key = `${stat.filesystem} ${stat.inode}`;
    const names = this.#links.get(key);
    if (names) names.push(candidate);
    else this.#links.set(key, [candidate]);
  }
}

/** A walk gives way, or names the walk that has to come before it goes on. */
interface Walk extends Generator<Walk | undefined, void> {}

/** Goes down and up again with a stack of its own: a tree may be deeper than calls may be. */
function* descend(walk: Walk): Generator<void> {
  const walks = [walk];
  try {
    while (walks.length > 0) {
      const { value, done } = walks.at(-1)!.next();
      if (done) walks.pop();
      else if (value) walks.push(value);
      else yield;
    }
  } finally {
    for (const unfinished of walks.reverse()) unfinished.return();
  }
}

/** Tells the files of a directory from what only hides what is below: overlayfs's marks, and sockets. */
function split(dirFd: number, { raw }: Manner): { there: Found[]; hidden: ByteText[] } {
  const there: Found[] = [];
  const hidden: ByteText[] = [];
  for (const found of filesIn(dirFd)) {
    if (isSocket(found.stat) || (raw && marksOf(dirFd, found).whiteout)) hidden.push(found.name);
    else there.push(found);
  }
  return { there, hidden };
}

/** Names and devices that whoever unpacks the layer would take for deletions. */
function refuse(path: ByteText, name: ByteText, stat: FileStat) {
  if (name.startsWith(".wh.")) {
    throw invalidArgument(`a layer can't hold ${quote(path)}: names with .wh. stand for deletions`);
  }
  if (isWhiteout(stat)) {
    throw invalidArgument(`a layer can't hold ${quote(path)}: a device 0:0 stands for a deletion`);
  }
}

const tooLong = (path: ByteText) =>
  new CtrError(Code.InvalidArgument, `path of ${path.length} bytes, ${LONGEST_PATH} at most: ${quote(path)}`);

function* parentsOf(path: ByteText, told: Set<ByteText>): Generator<Change> {
  for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
    yield* putOnce(path.slice(0, slash), told);
  }
}

function* putOnce(path: ByteText, told: Set<ByteText>): Generator<Change> {
  if (told.has(path)) return;
  told.add(path);
  yield { path, kind: "put" };
}
