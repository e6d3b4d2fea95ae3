/**
 * Mounts that name earlier ones: `{{ source N }}`, `{{ target N }}`, `{{ mount N }}` (where it is mounted) and
 * `{{ overlay FIRST LAST }}` (mount points with colons between them), counted from 0.
 */
import type { ActiveMount, Mount } from "../api/types/mount.ts";
import { invalidArgument } from "../errors.ts";

const action = /\{\{-?\s*(.*?)\s*-?\}\}/g;

/** A mount with what it says of `active` ones filled in. Throws InvalidArgument for what can't be told. */
export function formatMount(mount: Mount, active: readonly ActiveMount[]): Mount {
  const fill = (text: string) => text.includes("{{") ? fillIn(text, active) : text;
  return {
    ...mount,
    source: fill(mount.source),
    target: fill(mount.target),
    options: mount.options.map(fill),
  };
}

function fillIn(text: string, active: readonly ActiveMount[]): string {
  const filled = text.replace(action, (_, words: string) => valueOf(words, active));
  if (text.replace(action, "").includes("{{")) throw invalidArgument(`mount format ${JSON.stringify(text)}`);
  return filled;
}

function valueOf(words: string, active: readonly ActiveMount[]): string {
  const at = (index: string): ActiveMount => {
    const mount = /^\d+$/.test(index) ? active[Number(index)] : undefined;
    if (!mount) {
      throw invalidArgument(`mount format {{ ${words} }}: there are ${active.length} mounts before this one`);
    }
    return mount;
  };
  const [name, first = "", last = "", ...more] = words.split(/\s+/);
  if (name === "overlay" && last && !more.length) {
    return range(at(first) && Number(first), at(last) && Number(last))
      .map((index) => active[index]!.mountPoint).join(":");
  }
  if (name === "source" && !last) return at(first).mount!.source;
  if (name === "target" && !last) return at(first).mount!.target;
  if (name === "mount" && !last) return at(first).mountPoint;
  throw invalidArgument(`mount format {{ ${words} }} is not known`);
}

/** The numbers from one to another, upward or downward. */
function range(first: number, last: number): number[] {
  const step = first <= last ? 1 : -1;
  return Array.from({ length: Math.abs(last - first) + 1 }, (_, n) => first + n * step);
}
