/** Durability of whole file systems. */
import { Code, CtrError } from "../errors.ts";
import { libc } from "./libc.ts";

const c = libc({ syncfs: { parameters: ["i32"], result: "i32", nonblocking: true } });
const quick = libc({
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
});
const O_DIRECTORY_CLOEXEC = 0o2200000;

/** Waits until everything on the file system of the directory `path` is on disk. */
export async function syncFilesystem(path: string): Promise<void> {
  const fd = quick.open(new TextEncoder().encode(path + "\0"), O_DIRECTORY_CLOEXEC);
  if (fd === -1) throw new CtrError(Code.NotFound, `cannot open ${path}`);
  try {
    if (await c.syncfs(fd) !== 0) throw new CtrError(Code.DataLoss, `syncfs ${path} failed`);
  } finally {
    quick.close(fd);
  }
}
