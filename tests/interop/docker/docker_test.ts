/** Docker on our daemon in place of containerd: what its users do, with its own images and with ours. */
import assert from "node:assert/strict";
import {
  busyboxRootfs,
  Docker,
  type DockerOptions,
  haveDocker,
  type Longshore,
  mountsBelow,
  must,
  run,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { pathWithCriu } from "../../harness/criu.ts";
import { findLeaks } from "../../harness/leaks.ts";
import { withContainerd } from "../shim/under_containerd.ts";
import { stateOf, until, useDocker } from "./usage.ts";

const ignore = !haveDocker();
const criu = pathWithCriu();
const quiet = ["run", "--network", "none"];

/** Docker on our daemon, with the image `box`; nothing of its containers may be left at the end. */
async function withDocker(
  options: DockerOptions,
  work: (given: { docker: Docker; daemon: Longshore; scratch: Scratch }) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  let [state, cgroup] = ["", ""];
  {
    await using daemon = await startLongshore({ where: "shm", env: criu ? { PATH: criu } : {} });
    state = daemon.state;
    await using docker = await Docker.start(daemon.address, options);
    cgroup = docker.cgroup;
    await busyboxRootfs(scratch.join("box"));
    await docker.importDir(scratch.join("box"), "box");
    await work({ docker, daemon, scratch });
    await removeContainers(docker);
    assert.equal((await daemon.ctr(["-n", "moby", "containers", "ls", "-q"])).stdout, "");
    assert.deepEqual(mountsBelow(`${state}/tasks`), []);
  }
  assert.deepEqual(await findLeaks({ path: state, cgroup }), []);
}

/** A network namespace of a test's own. */
async function makeNetns(): Promise<AsyncDisposable & { name: string }> {
  const name = `docker-${crypto.randomUUID().slice(0, 8)}`;
  await must("ip", ["netns", "add", name]);
  await must("ip", ["-n", name, "link", "set", "lo", "up"]);
  return { name, [Symbol.asyncDispose]: async () => void await must("ip", ["netns", "del", name]) };
}

async function removeContainers(docker: Docker): Promise<void> {
  const ids = (await docker.must("ps", "-aq")).split("\n").filter(Boolean);
  if (ids.length) await docker.must("rm", "-f", ...ids);
}

for (const images of ["docker", "containerd"] as const) {
  const whose = images === "docker" ? "its own images" : "our daemon's images";
  Deno.test(
    { name: `docker with ${whose} runs, execs, pauses, limits, stops and restarts`, ignore },
    async (t) => {
      await withDocker({ images }, async ({ docker }) => {
        await useDocker(t, docker);
      });
    },
  );
}

Deno.test({ name: "docker on Debian's containerd runs containers by our shim", ignore }, async (t) => {
  await withContainerd(async (containerd, rootfs) => {
    await using docker = await Docker.start(containerd.address, { images: "docker" });
    await docker.importDir(rootfs, "box");
    await useDocker(t, docker, ["--runtime", "io.containerd.longshore.v2"]);
    await removeContainers(docker);
  });
});

const dockerfile = `
FROM box AS one
RUN mkdir /d && echo built >/d/x && touch /gone
RUN rm /gone && ls / >/d/list
FROM one
COPY file /file
CMD ["cat", "/file", "/d/x", "/d/list"]
`;

Deno.test(
  { name: "BuildKit builds on our daemon; push, pull, save and load go through it", ignore },
  async () => {
    await using registry = await startRegistry({ where: "shm" });
    await withDocker({ images: "containerd" }, async ({ docker, daemon, scratch }) => {
      const context = scratch.join("context");
      await Deno.mkdir(context);
      await Deno.writeTextFile(`${context}/Dockerfile`, dockerfile);
      await Deno.writeTextFile(`${context}/file`, "content\n");
      const name = `${registry.host}/built:1`;
      await docker.must("build", "--network", "none", "--tag", name, context);
      const shows = async () => {
        const lines = (await docker.must(...quiet, "--rm", name)).split("\n");
        assert.deepEqual(lines.slice(0, 2), ["content", "built"]);
        assert.ok(
          lines.includes("file") === false && lines.includes("d") && !lines.includes("gone"),
          lines.join(" "),
        );
      };
      await shows();
      await docker.must("push", name);
      await docker.must("rmi", name);
      await docker.must("pull", name);
      await shows();
      const archive = scratch.join("saved.tar");
      await docker.must("save", "--output", archive, name);
      await docker.must("rmi", name);
      await docker.must("load", "--input", archive);
      await shows();
      // The same image for our own users.
      const ours = await daemon.ctr(["-n", "moby", "run", "--rm", name, "ours"]);
      assert.match(ours.stdout, /^content\nbuilt\n/);
      assert.match(
        (await daemon.ctr(["-n", "moby", "images", "check", `name==${name}`])).stdout,
        / complete /,
      );
    });
  },
);

Deno.test({ name: "docker's networks: published ports, names, another container's", ignore }, async () => {
  await using netns = await makeNetns();
  await withDocker({ images: "docker", netns: netns.name }, async ({ docker }) => {
    const serve = "mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www";
    await docker.must("run", "-d", "--name", "web", "-p", "8080:80", "box", "sh", "-c", serve);
    const outside = [`--net=/run/netns/${netns.name}`, "busybox", "wget", "-qO-", "http://127.0.0.1:8080/"];
    await until("it is served", async () => (await run("nsenter", outside)).stdout === "page\n");
    await docker.must("network", "create", "own");
    await docker.must("network", "connect", "own", "web");
    const fetches = { own: "http://web/", "container:web": "http://127.0.0.1/" };
    for (const [network, url] of Object.entries(fetches)) {
      const fetch = ["run", "--rm", "--network", network, "box", "wget", "-qO-", url];
      assert.equal(await docker.must(...fetch), "page", network);
    }
  });
});

Deno.test({ name: "docker's containers outlive our daemon and dockerd", ignore }, async () => {
  await withDocker({ images: "containerd" }, async ({ docker, daemon }) => {
    const tick = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done";
    await docker.must(...quiet, "-d", "--name", "ticks", "box", "sh", "-c", tick);
    await docker.must(
      ...quiet,
      "-d",
      "--name",
      "ends",
      "box",
      "sh",
      "-c",
      "while [ ! -e /end ]; do sleep 0.1; done; exit 7",
    );
    const last = async () => Number((await docker.must("logs", "--tail", "1", "ticks")) || 0);
    const ticks = async () => {
      const before = await last();
      await until("it ticks on", async () => await last() > before);
    };
    await ticks();
    await daemon.crash();
    await daemon.restart();
    await ticks();
    // Go's gRPC tries again after a second.
    await until("dockerd has found the new daemon", async () => {
      const { code, stdout } = await docker.run(["exec", "ticks", "echo", "in"]);
      return code === 0 && stdout === "in\n";
    });
    assert.equal(await docker.must(...quiet, "--rm", "box", "echo", "new"), "new");
    await docker.must("exec", "ends", "touch", "/end");
    await until("its end is told", async () => await stateOf(docker, "ends") === "exited 7 false");
    await docker.must("start", "ends");
    await docker.crash();
    await ticks();
    assert.equal(await docker.must("exec", "ticks", "echo", "in"), "in");
    await docker.must("stop", "--time", "1", "ticks");
    assert.equal(await stateOf(docker, "ticks"), "exited 137 false");
  });
});

Deno.test(
  { name: "docker's checkpoints: a container goes on where it was", ignore: ignore || !criu },
  async () => {
    await withDocker({ images: "docker" }, async ({ docker }) => {
      const tick = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done";
      await docker.must(...quiet, "-d", "--name", "ticks", "box", "sh", "-c", tick);
      const numbers = async () => (await docker.must("logs", "ticks")).split("\n").map(Number);
      await until("it ticks", async () => (await numbers()).length > 3);
      await docker.must("checkpoint", "create", "ticks", "one");
      await until("it has ended", async () => await stateOf(docker, "ticks") === "exited 137 false");
      const before = (await numbers()).at(-1)!;
      await docker.must("start", "--checkpoint", "one", "ticks");
      await until("it goes on", async () => (await numbers()).at(-1)! > before + 2);
      const all = await numbers();
      assert.deepEqual(all, all.map((_, n) => n + 1), "it counted on, and nothing is lost");
    });
  },
);
