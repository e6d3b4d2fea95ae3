import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ctrPath, type Longshore, must } from "../../harness/mod.ts";
import { exists, ok, statusOf, until, withDaemon } from "./support.ts";

const size = 24 << 20;

/** Random bytes in a file, and how a container prints them. */
async function noise(
  dir: string,
): Promise<{ digest: string; print: (image: string, id: string) => string[] }> {
  const bytes = new Uint8Array(size);
  for (let n = 0; n < size; n += 1 << 16) crypto.getRandomValues(bytes.subarray(n, n + (1 << 16)));
  await Deno.mkdir(dir);
  await Deno.writeFile(`${dir}/noise`, bytes);
  const mount = `type=bind,src=${dir},dst=/mnt,options=rbind:ro`;
  const print = (
    image: string,
    id: string,
  ) => ["run", "--rm", "--mount", mount, image, id, "cat", "/mnt/noise"];
  return { digest: createHash("sha256").update(bytes).digest("hex"), print };
}

Deno.test("much output comes unchanged, wherever it goes", () =>
  withDaemon(async (daemon, image, scratch) => {
    const { digest, print } = await noise(scratch.join("mnt"));
    const shell = (script: string, id: string) =>
      must("sh", ["-ec", script, "sh", ctrPath, "--address", daemon.address, ...print(image, id)], {
        env: { OUT: scratch.join("out") },
      });
    assert.match(await shell('"$@" | sha256sum', "piped"), new RegExp(`^${digest}`));
    assert.match(await shell('"$@" >"$OUT"; sha256sum <"$OUT"', "file"), new RegExp(`^${digest}`));
    // A file that is appended to can't be spliced into.
    assert.match(
      await shell(': >"$OUT"; "$@" >>"$OUT"; sha256sum <"$OUT"', "appended"),
      new RegExp(`^${digest}`),
    );
    const into = (id: string) => `"$1" "$2" "$3" run --rm ${image} ${id} sha256sum`;
    const file = `${scratch.join("mnt")}/noise`;
    assert.match(await shell(`${into("in")} <${file}`, "unused"), new RegExp(`^${digest}`));
    assert.match(await shell(`cat ${file} | ${into("in")}`, "unused"), new RegExp(`^${digest}`));
    assert.equal((await shell('"$@" | head -c 1000000 | wc -c', "cut")).trim(), "1000000");
    await until(
      "a container whose reader left has ended",
      async () => await statusOf(daemon, "cut") === undefined,
    );
  }));

/** A ctr whose output nobody reads. */
function unread(daemon: Longshore, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(ctrPath, {
    args: ["--address", daemon.address, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

Deno.test("a reader that never reads, is killed, or whose FIFO is gone stops nobody else", () =>
  withDaemon(async (daemon, image, scratch) => {
    const { digest, print } = await noise(scratch.join("mnt"));
    const fifos = scratch.join("fifos");
    const names = ["stuck", "killed", "robbed"];
    const talkers = names.map((id) =>
      unread(daemon, "run", "--fifo-dir", `${fifos}/${id}`, image, id, "yes")
    );
    for (const id of names) await until(`${id} runs`, async () => await statusOf(daemon, id) === "RUNNING");
    const others = async (round: string) => {
      const { code, stdout } = await daemon.ctr([
        "run",
        "--rm",
        image,
        `quick${round}`,
        "sh",
        "-c",
        "echo hi; exit 3",
      ]);
      assert.deepEqual([code, stdout], [3, "hi\n"]);
      const args = [ctrPath, "--address", daemon.address, ...print(image, `much${round}`)];
      assert.match(await must("sh", ["-c", '"$@" | sha256sum', "sh", ...args]), new RegExp(`^${digest}`));
    };
    try {
      await others("1");
      talkers[1]!.kill("SIGKILL");
      for await (const { name } of Deno.readDir(`${fifos}/robbed`)) {
        await Deno.remove(`${fifos}/robbed/${name}`, { recursive: true });
      }
      talkers[2]!.kill("SIGKILL");
      await others("2");
      for (const id of names) assert.equal(await statusOf(daemon, id), "RUNNING");
      await ok(daemon, "rm", "-f", ...names);
      assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
      for (const id of ["killed", "robbed"]) {
        assert.deepEqual([...Deno.readDirSync(`${fifos}/${id}`)], [], "removed with their task");
      }
    } finally {
      for (const talker of talkers) {
        await talker.stdout.cancel();
        await talker.status;
      }
    }
    assert.ok(await exists(fifos));
  }));
