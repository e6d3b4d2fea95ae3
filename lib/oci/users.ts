/** Users of a container, by its own /etc/passwd and /etc/group, which are not to be trusted. */
import { Code, CtrError, invalidArgument } from "../errors.ts";

/** A user as the runtime spec has it. */
export interface User {
  uid: number;
  gid: number;
  additionalGids?: number[];
}

/** Larger files are refused: nobody has so many users, and the container chose the file. */
const fileLimit = 1 << 20;
/** The largest id the kernel's interfaces take without turning negative. */
const maxId = 2 ** 31 - 1;

/**
 * The ids that `text` (`name`, `uid`, `name:group`, `uid:gid`) means below the directory `root`.
 *
 * Throws InvalidArgument for a name that isn't there, and for numbers no user can have.
 */
export async function lookUpUser(root: string, text: string): Promise<User> {
  const [name = "", group] = text.split(":", 2);
  const passwd = await readLines(root, "etc/passwd");
  const uid = parseId(name);
  const entry = passwd.find((fields) => uid === undefined ? fields[0] === name : idOf(fields[2]) === uid);
  if (uid === undefined && !entry) {
    throw invalidArgument(`no user ${JSON.stringify(name)} in the container's /etc/passwd`);
  }
  const own = uid ?? idOf(entry![2]);
  if (own === undefined) throw invalidArgument(`user ${JSON.stringify(name)} has no valid uid`);
  const groups = await readLines(root, "etc/group");
  const gid = group === undefined ? idOf(entry?.[3]) ?? 0 : lookUpGroup(groups, group);
  const member = entry?.[0];
  const also = member ? groupsOf(groups, member) : [];
  return { uid: own, gid, additionalGids: also.includes(gid) ? also : [gid, ...also] };
}

function lookUpGroup(groups: string[][], name: string): number {
  const gid = parseId(name) ?? idOf(groups.find((fields) => fields[0] === name)?.[2]);
  if (gid === undefined) {
    throw invalidArgument(`no group ${JSON.stringify(name)} in the container's /etc/group`);
  }
  return gid;
}

/** Those that list the user; not the one of the user's own name. */
const groupsOf = (groups: string[][], user: string) =>
  groups.filter((fields) => fields[0] !== user && fields[3]?.split(",").includes(user))
    .map((fields) => idOf(fields[2]))
    .filter((gid) => gid !== undefined);

/** A number is never looked up as a name: an entry called `4294967296` would make it any user. */
function parseId(text: string): number | undefined {
  if (!/^[-+]?\d/.test(text)) return undefined;
  const id = idOf(text);
  if (id === undefined) {
    throw invalidArgument(`${JSON.stringify(text)} is not a user or group id (0 to ${maxId})`);
  }
  return id;
}

const idOf = (text: string | undefined) =>
  text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= maxId ? Number(text) : undefined;

/** The fields of each line of a file below `root`; none if there is no such file. */
async function readLines(root: string, path: string): Promise<string[][]> {
  const text = new TextDecoder().decode(await readBelow(root, path));
  return text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) =>
    line.trim().split(":")
  );
}

/** The kernel resolves the path: a symlink can't lead out of `root`. Only regular files of a sane size. */
async function readBelow(root: string, path: string): Promise<Uint8Array> {
  // Commands that need no user don't wait for libc.
  const { closeFd, Open, openDirectory, openResolved, Resolve } = await import("../sys/mod.ts");
  const dir = openDirectory(root);
  let fd: number;
  try {
    const name = new TextEncoder().encode(path + "\0");
    fd = openResolved(dir, name, Open.PATH | Open.CLOEXEC, Resolve.IN_ROOT | Resolve.NO_MAGICLINKS);
  } finally {
    closeFd(dir);
  }
  if (fd < 0) return new Uint8Array();
  try {
    // Through the descriptor, so that what is checked is what is read.
    const self = `/proc/self/fd/${fd}`;
    const { isFile, size } = await Deno.stat(self);
    if (!isFile || size > fileLimit) {
      throw new CtrError(Code.FailedPrecondition, `the container's /${path} is not a file of a sane size`);
    }
    return await Deno.readFile(self);
  } finally {
    closeFd(fd);
  }
}
