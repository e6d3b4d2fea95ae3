/** Unix sockets as raw descriptors, for those that are passed on to another process. */
import { Code, CtrError } from "../errors.ts";
import { check, cstring, libc } from "./libc.ts";
import { closeDescriptor } from "./pipe.ts";

const c = libc({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
});

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
/** sizeof(struct sockaddr_un): the family, then the path with its NUL (unix(7)). */
const ADDRESS_SIZE = 110;
const PATH_AT = 2;
const BACKLOG = 4096;

/**
 * A socket that listens at `path`, which must not exist; who takes its connections is the caller's affair.
 *
 * Throws InvalidArgument for a path over 107 bytes, and what the kernel says otherwise.
 */
export function listenAt(path: string): number {
  const name = cstring(path);
  if (name.length > ADDRESS_SIZE - PATH_AT) {
    throw new CtrError(Code.InvalidArgument, `${path}: sockets have paths of at most 107 bytes`);
  }
  const address = new Uint8Array(ADDRESS_SIZE);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, PATH_AT);
  const fd = check(c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  try {
    check(c.bind(fd, address, ADDRESS_SIZE), `bind ${path}`);
    check(c.listen(fd, BACKLOG), `listen ${path}`);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}
