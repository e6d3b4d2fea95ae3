/** Images made by foreign tools (umoci, GNU tar, skopeo), for tests to pull and run. */
import { must } from "./command.ts";
import type { Registry } from "./registry.ts";
import type { Scratch } from "./scratch.ts";

/** An image in an OCI layout on disk. */
export interface Layout {
  /** Directory of the layout. */
  path: string;
  tag: string;
}

/** Makes an image whose layers are the contents of `dirs`, lowest first; `config` is for `umoci config`. */
export async function imageOfDirs(at: string, dirs: string[], config: string[] = []): Promise<Layout> {
  const image = { path: at, tag: "latest" };
  await must("umoci", ["init", "--layout", at]);
  await must("umoci", ["new", "--image", `${at}:latest`]);
  for (const [n, dir] of dirs.entries()) {
    const tar = `${at}.layer${n}.tar`;
    await must("tar", ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-C", dir, "-cf", tar, "."]);
    await must("umoci", ["raw", "add-layer", "--image", `${at}:latest`, tar]);
    await Deno.remove(tar);
  }
  if (config.length) await must("umoci", ["config", "--image", `${at}:latest`, ...config]);
  return image;
}

/** busybox with its applets, a few users and groups, and `sh` as its command. */
export async function busyboxImage(scratch: Scratch, config: string[] = []): Promise<Layout> {
  const rootfs = scratch.join("busybox-rootfs");
  await busyboxRootfs(rootfs);
  return await imageOfDirs(scratch.join("busybox-image"), [rootfs], ["--config.cmd", "sh", ...config]);
}

/** The file tree of {@linkcode busyboxImage}. */
export async function busyboxRootfs(rootfs: string): Promise<void> {
  await must("mkdir", [
    "-p",
    ...["bin", "etc", "tmp", "root", "proc", "sys", "dev", "home"].map((dir) => `${rootfs}/${dir}`),
  ]);
  await Deno.chmod(`${rootfs}/tmp`, 0o1777);
  await Deno.copyFile("/bin/busybox", `${rootfs}/bin/busybox`);
  for (
    const applet of (await must("/bin/busybox", ["--list"])).split("\n").filter((name) =>
      name && name !== "busybox"
    )
  ) {
    await Deno.symlink("busybox", `${rootfs}/bin/${applet}`);
  }
  await Deno.writeTextFile(
    `${rootfs}/etc/passwd`,
    "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home:/bin/sh\n",
  );
  await Deno.writeTextFile(
    `${rootfs}/etc/group`,
    "root:x:0:root\nalice:x:1000:\naudio:x:29:alice\nvideo:x:44:alice\n",
  );
}

/**
 * Five layers from the host's own files, with what layers can hold: more than 10,000 files, hard links,
 * whiteouts, opaque directories, device nodes, xattrs, set-user-id bits, other owners, odd names.
 */
export async function richImage(scratch: Scratch): Promise<Layout> {
  const layer = (n: number) => scratch.join(`rich-layer${n}`);
  const script = `
    set -e
    mkdir -p "$1/usr/share" "$1/many"; cp -a /usr/share/doc /usr/share/zoneinfo "$1/usr/share/"
    for d in $(seq 1 100); do mkdir "$1/many/$d"; for f in $(seq 1 100); do echo "$d $f" >"$1/many/$d/$f"; done; done
    mkdir -p "$2/links" "$2/bin" "$2/opaque/old" "$2/dev"; cp /bin/busybox "$2/bin/busybox"; chmod 4755 "$2/bin/busybox"
    echo one >"$2/links/a"; ln "$2/links/a" "$2/links/b"; ln "$2/links/a" "$2/bin/c"; ln -s ../links/a "$2/bin/relative"; ln -s /links/a "$2/bin/absolute"
    mknod "$2/dev/null" c 1 3; mknod "$2/dev/loop" b 7 0; mkfifo "$2/links/fifo"; echo x >"$2/opaque/old/file"; echo y >"$2/opaque/gone"
    mkdir -p "$3/opaque" "$3/many" "$3/owned"; : >"$3/opaque/.wh..wh..opq"; echo new >"$3/opaque/new"; : >"$3/many/.wh.7"; : >"$3/links-are-kept"
    mkdir -p "$3/many/8"; : >"$3/many/8/.wh.1"; : >"$3/many/8/.wh.2"; echo changed >"$3/many/8/3"
    echo mine >"$3/owned/file"; chown 1234:4321 "$3/owned/file"; chmod 0640 "$3/owned/file"; chmod 2775 "$3/owned"; touch -d '2001-02-03 04:05:06.789012345 UTC' "$3/owned/file"
    setfattr -n user.colour -v blue "$3/owned/file"; setcap cap_net_raw=ep "$2/bin/c"
    mkdir -p "$4/many/9" "$4/a/very/deep/path"; : >"$4/many/9/.wh.9"; printf 'odd' >"$4/a/$(printf 'n\\303\\244me with space')"; printf 'bytes' >"$4/a/$(printf 'raw\\377name')"
    long=$(printf 'x%.0s' $(seq 1 150)); mkdir -p "$4/$long/$long"; echo long >"$4/$long/$long/$long"
    mkdir -p "$5/many"; : >"$5/many/.wh.10"; mkdir "$5/many/11"; : >"$5/many/11/.wh..wh..opq"; echo back >"$5/many/11/back"; head -c 5000000 /dev/zero >"$5/zeros"
  `;
  const dirs = [1, 2, 3, 4, 5].map(layer);
  await must("sh", ["-c", script, "sh", ...dirs]);
  return await imageOfDirs(scratch.join("rich-image"), dirs, ["--config.cmd", "/bin/busybox"]);
}

/** Pushes a layout to a registry with skopeo; gives the reference. */
export async function push(
  image: Layout,
  registry: Registry,
  name: string,
  args: string[] = [],
): Promise<string> {
  const reference = `${registry.host}/${name}`;
  const tls = "--dest-tls-verify=false";
  await must("skopeo", [
    "copy",
    "--quiet",
    tls,
    ...args,
    `oci:${image.path}:${image.tag}`,
    `docker://${reference}`,
  ]);
  return reference;
}
