import assert from "node:assert/strict";
import { readBlockIo } from "../../../lib/oci/blockio.ts";
import { parseLimits, parseRlimit } from "../../../mod.ts";

Deno.test("parseRlimit() reads types and both limits, and refuses others", () => {
  const text = (written: string) => JSON.stringify(parseRlimit(written));
  assert.equal(text("nofile=1024:4096"), '{"type":"RLIMIT_NOFILE","soft":1024,"hard":4096}');
  assert.equal(text("RLIMIT_CORE=0"), '{"type":"RLIMIT_CORE","soft":0,"hard":0}');
  const most = "18446744073709551615";
  assert.equal(text("memlock=unlimited"), `{"type":"RLIMIT_MEMLOCK","soft":${most},"hard":${most}}`);
  assert.equal(text(`fsize=1:${most}`), `{"type":"RLIMIT_FSIZE","soft":1,"hard":${most}}`);
  assert.throws(() => parseRlimit("files=1"), /no type files \(as, core/);
  assert.throws(() => parseRlimit("nofile"), /write TYPE=SOFT:HARD/);
  for (const bad of ["", "x", "1:", ":1", "1:2:3", "-2", "1.5", "18446744073709551616", "1e3"]) {
    assert.throws(() => parseLimits(bad), /whole numbers or "unlimited"/, bad);
  }
  assert.throws(() => parseLimits("2:1"), /the soft one is above/);
});

async function withFile<T>(text: string, test: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    return await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a class of block I/O: weights and rates, in YAML and in JSON", async () => {
  const yaml =
    "Classes:\n  low:\n    - Weight: 80\n    - Devices:\n        - /dev/null\n        - /nowhere/*/[a-c]?\n" +
    "      ThrottleReadBps: 50M\n    - Weight: 90\n  none: []\n";
  // A character device is no block device, and a host may lack a disk: such entries say nothing.
  assert.deepEqual(await withFile(yaml, (path) => readBlockIo(path, "low")), { weight: 90 });
  assert.deepEqual(await withFile(yaml, (path) => readBlockIo(path, "none")), {});
  const json = JSON.stringify({ Classes: { high: [{ Weight: 400 }] } });
  assert.deepEqual(await withFile(json, (path) => readBlockIo(path, "high")), { weight: 400 });
});

Deno.test("a class of block I/O finds its devices by pattern, and of one device the last value counts", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, minor] of [["vda", 0], ["vdb", 16], ["sda", 32]] as const) {
      const args = [`${dir}/${name}`, "b", "259", String(minor)];
      assert.ok((await new Deno.Command("mknod", { args }).output()).success, "mknod (needs root)");
    }
    await Deno.symlink(`${dir}/sda`, `${dir}/disk-SSD-1`);
    const yaml =
      `Classes:\n  c:\n    - Devices: ["${dir}/vd[a-z]", "${dir}/disk-*SSD*"]\n      Weight: 50\n` +
      `      ThrottleWriteIOPS: 1.5Ki\n    - Devices: [${dir}/vdb]\n      ThrottleWriteIOPS: 7k\n      ThrottleReadBps: 0\n`;
    const [a, b, s] = [0, 16, 32].map((minor) => ({ major: 259, minor }));
    assert.deepEqual(await withFile(yaml, (path) => readBlockIo(path, "c")), {
      weightDevice: [{ ...a, weight: 50 }, { ...b, weight: 50 }, { ...s, weight: 50 }],
      throttleWriteIOPSDevice: [{ ...a, rate: 1536 }, { ...s, rate: 1536 }, { ...b, rate: 7000 }],
      throttleReadBpsDevice: [{ ...b, rate: 0 }],
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a class of block I/O that makes no sense is refused, with the file's name", async () => {
  const bad: [string, RegExp][] = [
    ["Classes:\n  other: []\n", /no class "c" \(other\)/],
    ["Other:\n  c: []\n", /no key Other/],
    ["Classes:\n  c:\n    Weight: 1\n", /class c is not a list/],
    ["Classes:\n  c:\n    - Weight: 5\n", /Weight "5" is not a number from 10 to 1000/],
    ["Classes:\n  c:\n    - ThrottleReadBps: 1M\n", /ThrottleReadBps needs Devices/],
    ["Classes:\n  c:\n    - Devices: [sda]\n      Weight: 10\n", /"sda" is not an absolute path/],
    ["Classes:\n  c:\n    - Devices: [/dev/x]\n      Speed: 10\n", /no key Speed/],
    ["Classes:\n  c:\n    - Devices: [/dev/x]\n      ThrottleReadBps: fast\n", /"fast" is not a number/],
    ["", /the file is not a map/],
  ];
  for (const [text, reason] of bad) {
    await withFile(
      text,
      (path) =>
        assert.rejects(
          readBlockIo(path, "c"),
          (error: Error) =>
            reason.test(error.message) && error.message.includes(path) &&
            /invalid argument/.test(error.message),
        ),
    );
  }
});
