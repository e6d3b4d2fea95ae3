import assert from "node:assert/strict";
import { type AppArmorHost, defaultProfile, loadDefaultProfile } from "../../../lib/oci/apparmor.ts";
import { Code, isError } from "../../../mod.ts";

/** A host whose kernel has `loaded` profiles, and whose parser is the script `parser`. */
async function withHost(
  { loaded, parser }: { loaded?: string; parser: string },
  test: (host: AppArmorHost, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    if (loaded !== undefined) await Deno.writeTextFile(`${dir}/profiles`, loaded);
    await Deno.writeTextFile(`${dir}/parser`, `#!/bin/sh\n${parser}\n`);
    await Deno.chmod(`${dir}/parser`, 0o755);
    await test({ profiles: `${dir}/profiles`, includes: `${dir}/includes`, parser: `${dir}/parser` }, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const fails = (code: Code, words: RegExp) => (error: unknown) =>
  isError(error, code) && words.test((error as Error).message);

Deno.test("the default AppArmor profile is given to the parser under its name", () =>
  withHost({
    loaded: "ours-2 (enforce)\n",
    parser: 'echo "$1 $2" >"$(dirname "$0")/args"; cp "$3" "$(dirname "$0")/text"',
  }, async (host, dir) => {
    await loadDefaultProfile("ours", host);
    assert.equal(await Deno.readTextFile(`${dir}/args`), "-K -r\n");
    const text = await Deno.readTextFile(`${dir}/text`);
    assert.match(
      text,
      /^@\{PROC\}=\/proc\/\nprofile ours flags=\(attach_disconnected, mediate_deleted\) \{\n/,
    );
    assert.match(text, /^ {2}deny \/sys\/devices\/virtual\/powercap\/\*\* rwklx,$/m);
    assert.ok(!text.includes("abstractions"), "a host's includes are used only where it has them");
  }));

Deno.test("a profile that the kernel has is not loaded again", () =>
  withHost({ loaded: "other (enforce)\nours (enforce)\n", parser: "exit 9" }, async (host) => {
    await loadDefaultProfile("ours", host);
    await assert.rejects(
      loadDefaultProfile("our", host),
      fails(Code.FailedPrecondition, /AppArmor profile our could not be loaded/),
    );
  }));

Deno.test("what keeps a profile from being loaded is told", async () => {
  await withHost(
    { loaded: "", parser: "echo 'syntax error in line 3' >&2; exit 1" },
    (host) =>
      assert.rejects(
        loadDefaultProfile("ours", host),
        fails(Code.FailedPrecondition, /ours could not be loaded: syntax error in line 3/),
      ),
  );
  await withHost(
    { loaded: "", parser: "" },
    (host, dir) =>
      assert.rejects(
        loadDefaultProfile("ours", { ...host, parser: `${dir}/none` }),
        fails(Code.FailedPrecondition, /not in PATH: install it/),
      ),
  );
  await withHost(
    { parser: "" },
    (host) =>
      assert.rejects(
        loadDefaultProfile("ours", host),
        fails(Code.FailedPrecondition, /this host has no AppArmor/),
      ),
  );
  for (const name of ["", "a b", "a/**", "a{", "../a", "#include <x>\n"]) {
    await withHost(
      { loaded: "", parser: "" },
      (host) =>
        assert.rejects(loadDefaultProfile(name, host), fails(Code.InvalidArgument, /a name has letters/)),
    );
  }
});

Deno.test("the real parser takes the default profile, with and without the host's includes", async () => {
  for (const there of [true, false]) {
    const path = await Deno.makeTempFile();
    try {
      const surroundings = { daemon: "some-daemon", abi: there, tunables: there, base: there };
      await Deno.writeTextFile(path, defaultProfile("longshore-test", surroundings));
      // Compiled, but not loaded: the kernel need not have AppArmor.
      const args = ["--skip-kernel-load", "--skip-cache", "--quiet", path];
      const { success, stderr } = await new Deno.Command("apparmor_parser", { args }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    } finally {
      await Deno.remove(path);
    }
  }
});
