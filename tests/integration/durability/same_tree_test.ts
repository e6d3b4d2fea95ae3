import assert from "node:assert/strict";
import { differences } from "../../../lib/archive/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";

const make = `
  mkdir -p "$1/dir/deep"; cd "$1"
  echo text >file; echo text >other; ln file link; ln -s file soft; mkfifo fifo; mknod null c 1 3; mknod whiteout c 0 0
  echo x >dir/deep/x; head -c 600000 /dev/zero >long; : >empty; printf y >"$(printf 'raw\\377')"
  setfattr -n user.colour -v blue file; setfattr -n trusted.overlay.opaque -v y dir; chown 5:6 other; chmod 4755 other
`;

/** A change of one thing, and the difference that it must make. */
const changes: [change: string, path: string, what: RegExp][] = [
  ["echo TEXT >file", "file", /other content/],
  ["printf z | dd of=long bs=1 seek=599999 conv=notrunc 2>/dev/null", "long", /other content/],
  ["truncate -s 1 file", "file", /has 1 bytes, not 5/],
  ["truncate -s 600001 long", "long", /has 600001 bytes, not 600000/],
  ["rm dir/deep/x", "dir/deep/x", /is missing/],
  ["rm -r dir", "dir", /is missing/],
  ["touch dir/deep/y", "dir/deep/y", /is not in the layer/],
  ["touch \"$(printf 'more\\377')\"", "more\\xff", /is not in the layer/],
  [
    "rm file link; echo text >file; echo text >link; setfattr -n user.colour -v blue file link",
    "file",
    /has 1 hard links, not 2/,
  ],
  ["ln -sf other soft", "soft", /leads elsewhere/],
  ["rm empty; mkdir empty", "empty", /another type/],
  ["rm fifo; : >fifo", "fifo", /another type/],
  ["rm null; mknod null c 1 5", "null", /another device/],
  ["rm whiteout; mknod whiteout c 0 1", "whiteout", /another device/],
  ["chmod 755 other", "other", /mode 0755, not 4755/],
  ["chmod 700 dir/deep", "dir/deep", /mode 0700, not 0755/],
  ["chmod 700 .", ".", /mode 0700, not 0755/],
  ["setfattr -n user.colour -v red .", ".", /has an xattr user.colour/],
  ["chown 5:7 other; chmod 4755 other", "other", /belongs to 5:7, not 5:6/],
  ["setfattr -n user.colour -v red file", "file", /another value of the xattr user.colour/],
  ["setfattr -x user.colour file", "file", /lacks the xattr user.colour/],
  ["setfattr -n user.more -v 1 empty", "empty", /has an xattr user.more that the layer has not/],
  ["setfattr -x trusted.overlay.opaque dir", "dir", /lacks the xattr trusted.overlay.opaque/],
];

Deno.test("each change of a tree is a difference, and what is the same is none", async () => {
  await using scratch = await Scratch.make();
  const expected = scratch.join("expected");
  await must("sh", ["-ec", make, "sh", expected]);
  for (const [n, [change, path, what]] of changes.entries()) {
    const found = scratch.join(`found${n}`);
    await must("cp", ["-a", expected, found]);
    await must("sh", [
      "-ec",
      `setfattr -n trusted.overlay.origin -v own "${found}/empty"; touch -d 2001-01-01 "${found}/file"`,
    ]);
    assert.deepEqual(differences(expected, found), []);
    await must("sh", ["-ec", change], { cwd: found });
    const [first] = differences(expected, found);
    assert.ok(first, change);
    assert.equal(first.path, JSON.stringify(path).replaceAll("\\\\x", "\\x"), change);
    assert.match(first.what, what, change);
  }
});

Deno.test("no more differences are told than asked for", async () => {
  await using scratch = await Scratch.make();
  for (const name of ["one", "other"]) await Deno.mkdir(scratch.join(name));
  for (let n = 0; n < 30; n++) await Deno.writeTextFile(scratch.join("other", `${n}`), "");
  assert.equal(differences(scratch.join("one"), scratch.join("other")).length, 20);
  assert.equal(differences(scratch.join("one"), scratch.join("other"), 3).length, 3);
});
