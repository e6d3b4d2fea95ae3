import assert from "node:assert/strict";
import { Bench, image } from "./bench.ts";

/** The address of a container's `eth0`. */
async function addressOf(bench: Bench, id: string): Promise<string> {
  const shown = await bench.must("tasks", "exec", "--exec-id", "ip", id, "ip", "-4", "addr", "show", "eth0");
  return /inet (10\.88\.7\.\d+)\/24/.exec(shown)?.[1] ?? `none in ${shown}`;
}

const sleeper = ["sleep", "1000"];

Deno.test("networks by CNI", async (t) => {
  await using bench = await Bench.start();

  await t.step(
    "two containers have addresses, reach each other and the host; removal frees all",
    async () => {
      await bench.configure("1.0.0");
      for (const id of ["one", "two"]) await bench.must("run", "-d", "--cni", image, id, ...sleeper);
      const [one, two] = [await addressOf(bench, "one"), await addressOf(bench, "two")];
      assert.match(two, /^10\.88\.7\.\d+$/);
      assert.notEqual(one, two);
      for (
        const [id, address] of [["one", two], ["two", one], ["one", "10.88.7.1"], [
          "one",
          "127.0.0.1",
        ]] as const
      ) {
        await bench.must("tasks", "exec", "--exec-id", "ping", id, "ping", "-c", "1", "-W", "5", address);
      }
      const records = (await bench.left()).filter((name) => name.includes("-default-"));
      assert.deepEqual(records.sort(), [
        "cni-loopback-default-one-lo",
        "cni-loopback-default-two-lo",
        "testnet-default-one-eth0",
        "testnet-default-two-eth0",
      ]);
      // By what is remembered: the configuration may have changed meanwhile, and the environment is another one.
      await bench.write({ cniVersion: "1.0.0", name: "other", plugins: [{ type: "nosuch" }] });
      const removed = await bench.daemon.ctr(["rm", "-f", "one"]);
      assert.equal(removed.code, 0, removed.stderr);
      await bench.must("tasks", "rm", "-f", "two");
      assert.deepEqual(await bench.left(), []);
      await bench.configure("1.0.0");
      await bench.must("tasks", "start", "-d", "two");
      assert.match(await addressOf(bench, "two"), /^10\./);
      await bench.must("rm", "-f", "two");
      assert.deepEqual(await bench.left(), []);
    },
  );

  await t.step("a run in the foreground has its network until its end, in a user namespace too", async () => {
    const maps = ["--uidmap", "0:200000:65536", "--gidmap", "0:200000:65536", "--remap-labels"];
    for (const flags of [[], maps]) {
      const shown = await bench.must("run", "--rm", "--cni", ...flags, image, "short", "ip", "addr");
      assert.match(shown, /inet 10\.88\.7\.\d+\/24/);
      assert.match(shown, /inet 127\.0\.0\.1\/8/);
      assert.deepEqual(await bench.left(), []);
    }
    const { code } = await bench.ctr(["run", "--rm", "--cni", image, "short", "sh", "-c", "exit 7"]);
    assert.equal(code, 7);
    assert.deepEqual(await bench.left(), []);
  });

  await t.step("a crash of the daemon loses nothing of it", async () => {
    await bench.must("run", "-d", "--cni", image, "kept", ...sleeper);
    await bench.daemon.crash();
    await bench.daemon.restart();
    assert.match(await addressOf(bench, "kept"), /^10\./);
    await bench.must("rm", "-f", "kept");
    assert.deepEqual(await bench.left(), []);
  });

  await t.step("what an earlier task has had is given back when the next one starts", async () => {
    await bench.must("run", "-d", "--cni", image, "again", "true");
    await bench.must("tasks", "wait", "again");
    // Somebody who knows nothing of it.
    assert.equal((await bench.daemon.goCtr(["tasks", "rm", "again"])).code, 0);
    assert.ok((await bench.left()).includes("testnet-default-again-eth0"));
    await bench.must("tasks", "start", "again");
    assert.deepEqual(await bench.left(), []);
    await bench.must("rm", "again");
  });

  // What plugins are told, in a file for each call; the result is passed on.
  const spy = `
    n=$(ls "$DIR" | wc -l); config=$(cat); printf '%s' "$config" >"$DIR/$n"
    echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME \${CNI_NETNS%/*}" >>"$CALLS"
    if [ "$CNI_COMMAND" = ADD ]; then printf '%s' "$config" | sed 's/.*"prevResult"://; s/}$//'; fi`;

  for (const version of ["0.3.1", "0.4.0", "1.0.0"]) {
    await t.step(
      `plugins of CNI ${version} are called in order, and in reverse, with what the last one said`,
      async () => {
        const [dir, calls] = [bench.scratch.join(`spied-${version}`), bench.scratch.join(`calls-${version}`)];
        await Deno.mkdir(dir);
        for (const name of ["first-spy", "second-spy"]) {
          await bench.plugin(name, `DIR=${dir} CALLS=${calls}\n${spy}\necho ${name} >>${calls}`);
        }
        await bench.configure(version, { type: "first-spy", mine: { a: 1 } }, { type: "second-spy" });
        await bench.must("-n", "ns", "images", "import", bench.scratch.join("busybox.tar"));
        await bench.must("-n", "ns", "run", "--rm", "--cni", image, "spied", "true");
        const told = (await Deno.readTextFile(calls)).replaceAll(
          bench.scratch.join("cache", "netns"),
          "NETNS",
        );
        const [add, del] = ["ADD", "DEL"].map((command) => `${command} ns-spied eth0 NETNS\n`);
        assert.equal(told, `${add}first-spy\n${add}second-spy\n${del}second-spy\n${del}first-spy\n`);
        const configs = await Promise.all(
          [0, 1, 2, 3].map(async (n) => JSON.parse(await Deno.readTextFile(`${dir}/${n}`))),
        );
        for (const config of configs) {
          assert.deepEqual([config.name, config.cniVersion], ["testnet", version]);
        }
        assert.deepEqual(
          configs.map(({ mine }) => mine),
          [{ a: 1 }, undefined, undefined, { a: 1 }],
        );
        assert.equal(configs[0].prevResult.ips[0].address.split(".")[0], "10");
        assert.deepEqual(configs[1].prevResult, configs[0].prevResult);
        // Since 0.4.0 the end is told of what there was.
        const atEnd = version === "0.3.1" ? undefined : configs[0].prevResult;
        assert.deepEqual(configs.slice(2).map(({ prevResult }) => prevResult), [atEnd, atEnd]);
        assert.deepEqual(await bench.left(), []);
      },
    );
  }

  await t.step("a plugin that fails is told of in one line, and nothing is left", async () => {
    const failing = (script: string) =>
      bench.plugin("failing", `[ "$CNI_COMMAND" = DEL ] && exit 0; cat >/dev/null; ${script}`);
    const cases: [string, RegExp][] = [
      [
        `printf %s '{"code": 11, "msg": "no luck", "details": "try\\nlater"}'; exit 1`,
        /no luck; try; later: unavailable$/,
      ],
      [`echo '{"code": 7, "msg": "bad config"}'; exit 1`, /bad config: invalid argument$/],
      ["echo broken >&2; exit 3", /broken$/],
      ["exit 4", /exit status 4$/],
      ["kill -9 $$", /exit status 137$/],
      ["echo no JSON", /its result is no JSON object: no JSON$/],
    ];
    await bench.configure("1.0.0", { type: "failing" });
    for (const [script, why] of cases) {
      await failing(script);
      const { code, stderr } = await bench.ctr(["run", "--rm", "--cni", image, "failed", "true"]);
      assert.equal(code, 1, script);
      assert.match(stderr.trim(), /^ctr: CNI plugin failing \(ADD, network testnet\): [^\n]*$/);
      assert.match(stderr.trim(), why);
      assert.deepEqual(await bench.left(), []);
    }
    assert.doesNotMatch(await bench.must("c", "ls", "-q"), /failed/);
  });

  await t.step("ports of the host lead to the container's", async () => {
    await bench.configure("1.0.0", { type: "portmap", capabilities: { portMappings: true }, snat: true });
    const serve = "echo found >/tmp/it; exec httpd -f -p 80 -h /tmp";
    await bench.must("run", "-d", "--cni", "-p", "8080:80", image, "web", "sh", "-c", serve);
    const ask =
      `exec 3<>/dev/tcp/10.88.7.1/8080 && printf 'GET /it HTTP/1.0\\r\\n\\r\\n' >&3 && tail -n 1 <&3`;
    const get = () => bench.within("timeout", "5", "bash", "-c", ask);
    let found = await get();
    // The server may be a moment behind its start.
    for (let n = 0; n < 100 && found.code !== 0; n++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      found = await get();
    }
    assert.equal(found.stdout, "found\n", found.stderr);
    await bench.must("rm", "-f", "web");
    assert.notEqual((await get()).code, 0);
    assert.doesNotMatch((await bench.within("iptables-save")).stdout, /8080/);
    await bench.configure("1.0.0");
    const { code, stderr } = await bench.ctr(["run", "--rm", "--cni", "-p", "8080:80", image, "web", "true"]);
    assert.equal(code, 1);
    assert.match(stderr, /network testnet has no plugin with the capability portMappings: invalid argument/);
    assert.deepEqual(await bench.left(), []);
  });

  await t.step("what is missing or wrong is told before anything is made of it", async () => {
    const cases: [unknown, RegExp][] = [
      [
        { cniVersion: "1.0.0", name: "n", plugins: [{ type: "nosuch" }] },
        /CNI plugin nosuch is not in \S+ or /,
      ],
      [
        { cniVersion: "1.0.0", name: "n", plugins: [{ type: "../sh" }] },
        /\.\.\/sh is a path.*invalid argument/,
      ],
      [{ cniVersion: "1.0.0", name: "n", plugins: [] }, /no plugins: invalid argument/],
      [
        { cniVersion: "1.0.0", name: "../n", plugins: [{ type: "bridge" }] },
        /no name of a network: "\.\.\/n"/,
      ],
      [
        { cniVersion: "9.0.0", name: "n", plugins: [{ type: "bridge" }] },
        /needs CNI 9\.0\.0: 1\.1\.0 is the newest/,
      ],
      ["{", /10-test\.conflist: .*JSON/],
    ];
    for (const [config, why] of cases) {
      await bench.write(config);
      const { code, stderr } = await bench.ctr(["run", "--rm", "--cni", image, "wrong", "true"]);
      assert.equal(code, 1);
      assert.match(stderr, why);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
      assert.deepEqual(await bench.left(), []);
    }
    const none = await bench.ctr(["run", "--rm", "--cni", image, "wrong", "true"], {
      env: { NETCONFPATH: "/nosuch" },
    });
    assert.match(none.stderr, /no network config found in \/nosuch .*: failed precondition/);
    const flags: [string[], RegExp][] = [
      [["--cni", "--net-host"], /--cni and --net-host exclude each other/],
      [["--cni", "--with-ns", "network:/proc/1/ns/net"], /--cni and --with-ns network:PATH exclude/],
      [["--publish", "1:2"], /--publish needs --cni/],
      [["--cni", "--publish", "70000:1"], /port "70000:1": write .*invalid argument/],
    ];
    for (const [given, why] of flags) {
      assert.match((await bench.ctr(["run", ...given, image, "wrong", "true"])).stderr, why);
    }
    assert.doesNotMatch(await bench.must("c", "ls", "-q"), /wrong/);
  });

  await t.step(
    "a network that can't be given back keeps its container, unless that is forced out",
    async () => {
      await bench.plugin(
        "stuck",
        `config=$(cat); [ "$CNI_COMMAND" = DEL ] && exit 5; printf '%s' "$config" | sed 's/.*"prevResult"://; s/}$//'`,
      );
      await bench.configure("1.0.0", { type: "stuck" });
      await bench.must("run", "-d", "--cni", image, "stuck", "true");
      await bench.must("tasks", "wait", "stuck");
      const { code, stderr } = await bench.ctr(["rm", "stuck"]);
      assert.equal(code, 1);
      assert.match(stderr, /CNI plugin stuck \(DEL, network testnet\): exit status 5/);
      const forced = await bench.ctr(["rm", "-f", "stuck"]);
      assert.equal(forced.code, 0);
      assert.match(forced.stderr, /container stuck is removed, but not from its network: CNI plugin stuck/);
      assert.ok((await bench.left()).includes("testnet-default-stuck-eth0"));
    },
  );
});
