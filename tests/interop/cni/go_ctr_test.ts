import assert from "node:assert/strict";
import { run } from "../../harness/mod.ts";
import { Bench, image } from "../../integration/cni/bench.ts";

/** One call of a plugin: its environment and its configuration. */
interface Call {
  env: string;
  config: Record<string, unknown>;
}

/** Writes down each call, in a directory that is there when it runs, and has a result of its own. */
const spy = `
  config=$(cat); n=$(ls "$SPIED" | wc -l)
  { echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME [$CNI_ARGS] \${CNI_NETNS:+netns}"; echo "$config"; } >"$SPIED/$n"
  [ "$CNI_COMMAND" = DEL ] || echo '{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.88.7.9/24"}], "dns": {}}'`;

async function callsIn(dir: string): Promise<Call[]> {
  const names = (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
  return await Promise.all(names.map(async (name) => {
    const text = await Deno.readTextFile(`${dir}/${name}`);
    const end = text.indexOf("\n");
    return { env: text.slice(0, end), config: JSON.parse(text.slice(end + 1)) };
  }));
}

/** What differs from one attachment to the next. */
const settled = (config: Record<string, unknown>) =>
  JSON.parse(
    JSON.stringify(config)
      .replaceAll(/"sandbox":"[^"]+"/g, '"sandbox":0')
      .replaceAll(/10\.88\.7\.\d+\/24/g, "ADDRESS")
      .replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
      .replaceAll(/veth[0-9a-f]{8}/g, "VETH"),
  );

Deno.test("plugins are called as Go's ctr calls them", async () => {
  await using bench = await Bench.start();
  await bench.plugin("spy", spy);
  await bench.configure("0.4.0", { type: "spy", mine: [1, { a: "b" }] });
  const [ours, theirs] = ["ours", "theirs"].map((name) => bench.scratch.join(name));
  for (const dir of [ours!, theirs!]) await Deno.mkdir(dir);

  const args = ["run", "--rm", "--cni", image, "spied", "ip", "-4", "addr", "show", "eth0"];
  const own = await bench.ctr(args, { env: { SPIED: ours! } });
  assert.equal(own.code, 0, own.stderr);
  assert.deepEqual(await bench.left(), []);

  // Go's ctr knows one place of each kind: in a mount namespace of its own they are the test's.
  const at = (...parts: string[]) => bench.scratch.join("places", ...parts);
  const script = `
    over() { mkdir -p "$2" "$2.work"; mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$2.work" overlay "$1"; }
    mkdir -p ${at("etc", "cni")} ${at("plugins")}
    cp -r ${bench.scratch.join("conf")} ${at("etc", "cni", "net.d")}; cp ${bench.scratch.join("plugins")}/* ${
    at("plugins")
  }
    over /etc ${at("etc")}; over /usr/lib/cni ${at("plugins")}; over /var/lib ${at("var")}
    exec ctr --address ${bench.daemon.address} "$@"`;
  const words = [`--net=/run/netns/${bench.netns}`, "unshare", "--mount", "sh", "-ec", script, "sh", ...args];
  const go = await run("nsenter", words, { env: { SPIED: theirs! } });
  assert.equal(go.code, 0, go.stderr);
  assert.match(go.stdout, /inet 10\.88\.7\.\d+\/24/);

  const [mine, others] = [await callsIn(ours!), await callsIn(theirs!)];
  assert.equal(others.length, 2);
  // At the end Go's ctr names no network namespace, though it is there: then plugins leave rules behind.
  assert.deepEqual(mine.map(({ env }) => env), [
    "ADD default-spied eth0 [] netns",
    "DEL default-spied eth0 [] netns",
  ]);
  assert.deepEqual(others.map(({ env }) => env), [mine[0]!.env, "DEL default-spied eth0 [] "]);
  assert.deepEqual(mine.map(({ config }) => settled(config)), others.map(({ config }) => settled(config)));
});
