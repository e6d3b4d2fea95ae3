/** What the tests of layers, conversions and commits share. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Longshore,
  must,
  type Output,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

/** Standard output of a command that must succeed. */
export async function out(running: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Our daemon with busybox pulled, and a place for files. */
export class Bench implements AsyncDisposable {
  readonly ours: Longshore;
  readonly scratch: Scratch;
  /** The image's name. */
  readonly busybox: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(ours: Longshore, scratch: Scratch, busybox: string, stack: AsyncDisposableStack) {
    this.ours = ours;
    this.scratch = scratch;
    this.busybox = busybox;
    this.#stack = stack;
  }

  static async make(): Promise<Bench> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make());
    const registry = stack.use(await startRegistry());
    const ours = stack.use(await startLongshore());
    const busybox = await push(await busyboxImage(scratch), registry, "busybox:1");
    await out(ours.ctr(["images", "pull", "--plain-http", busybox]));
    return new Bench(ours, scratch, busybox, stack.move());
  }

  /** Runs a script in a new container of an image, which stays. */
  run(id: string, script: string, image = this.busybox): Promise<string> {
    return out(this.ours.ctr(["run", image, id, "sh", "-c", script]));
  }

  /** The files of an image, mounted by our ctr on a new directory; gives its path. */
  async mounted(image: string): Promise<string> {
    const target = await Deno.makeTempDir({ dir: this.scratch.path, prefix: "mounted-" });
    await out(this.ours.ctr(["images", "mount", image, target]));
    return target;
  }

  /** The files of an image, exported by Debian's ctr and unpacked by umoci; gives their directory. */
  async unpackedByUmoci(image: string): Promise<string> {
    const dir = await Deno.makeTempDir({ dir: this.scratch.path, prefix: "umoci-" });
    await out(this.ours.goCtr(["images", "export", `${dir}/image.tar`, image]));
    await must("skopeo", ["copy", "--quiet", `oci-archive:${dir}/image.tar`, `oci:${dir}/layout:latest`]);
    await must("umoci", ["raw", "unpack", "--image", `${dir}/layout:latest`, `${dir}/rootfs`]);
    return `${dir}/rootfs`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Changes of every kind that a container can make. */
export const changes = `
  echo new >/root/new; rm /etc/group; rm -r /home; mkdir /home; echo y >/home/y; chmod 700 /tmp
  mkdir -p /a/b; echo 1 >/a/b/one; ln /a/b/one /a/two; ln -s ../b/one /a/b/link; chown 1234:4321 /a/two
  mkfifo /a/fifo; mknod /a/null c 1 3; touch -d @1000000000 /a/b; rm /bin/vi; cp /bin/busybox /bin/copy; chmod 4755 /bin/copy
  mkdir /$(printf 'n%.0s' $(seq 1 120)); echo long >/$(printf 'n%.0s' $(seq 1 120))/$(printf 'm%.0s' $(seq 1 120))
`;
