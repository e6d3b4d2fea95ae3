/** An image with all that a change of owners may damage. */
import { busyboxRootfs, imageOfDirs, type Layout, must, type Scratch } from "../../harness/mod.ts";

/** Two layers, of which the second one takes away some of the first; `/files/chown` may do what its name says. */
export async function ownersImage(scratch: Scratch): Promise<Layout> {
  const [lower, upper] = [scratch.join("lower"), scratch.join("upper")];
  await busyboxRootfs(lower);
  const script = `
    mkdir -p "$1/files/opaque/old" "$1/files/shared" "$2/files/opaque" "$2/files/dir"
    cd "$1/files"; echo own >own; chown 1000:1000 own; chmod 0640 own
    cp /bin/busybox chown; setcap cap_chown+ep chown; echo id >setid; chown 7:8 setid; chmod 6755 setid
    echo hard >hard; chown 11:12 hard; ln hard hard2; ln -s /nowhere link; chown -h 5:6 link
    chown 20:21 shared; chmod 3777 shared; setfattr -n user.note -v kept own; mknod null c 1 3; chmod 0666 null
    echo gone >gone; echo old >opaque/old/file; touch -hd '2003-04-05 06:07:08' own setid link
    cd "$2/files"; : >.wh.gone; : >opaque/.wh..wh..opq; echo new >opaque/new; chown 1000:29 opaque/new`;
  await must("sh", ["-ec", script, "sh", lower, upper]);
  return await imageOfDirs(scratch.join("owners"), [lower, upper], ["--config.cmd", "sh"]);
}

/** A script that prints what is in that image. */
export const listOwners =
  `cd /files; find . | sort | while read f; do stat -c '%n %f %u:%g %Y' "$f"; done; cat own`;
