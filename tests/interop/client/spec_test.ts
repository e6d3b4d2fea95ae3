import assert from "node:assert/strict";
import {
  Client,
  defaultSpec,
  parseMount,
  type Spec,
  type SpecOption,
  withAppArmor,
  withCapabilities,
  withCpu,
  withCpus,
  withCwd,
  withDevices,
  withEnv,
  withHostNetwork,
  withMemoryLimit,
  withMounts,
  withNewPrivileges,
  withPrivileged,
  withRdtClass,
  withReadonlyRootfs,
  withTerminal,
} from "../../../mod.ts";
import { busyboxRootfs, imageOfDirs, must, push } from "../../harness/mod.ts";
import { Scratch, startContainerd, startRegistry } from "../../harness/mod.ts";

interface Case {
  /** What makes the container, where it isn't `containers create`. */
  verb?: string[];
  flags: string[];
  spec: SpecOption[];
}

/** Flags of Go's ctr, and the options of ours that say the same. */
const options: Record<string, Case> = {
  "nothing": { flags: [], spec: [] },
  "env and cwd": {
    flags: ["--env", "A=b", "--env", "PATH=/bin", "--cwd", "/tmp"],
    spec: [withEnv(["A=b", "PATH=/bin"]), withCwd("/tmp")],
  },
  "a read-only root": { flags: ["--read-only"], spec: [withReadonlyRootfs()] },
  "the host's network": {
    flags: ["--net-host"],
    spec: [withHostNetwork(), withEnv([`HOSTNAME=${Deno.hostname()}`])],
  },
  "limits": {
    verb: ["run", "--detach"],
    flags: ["--memory-limit", "67108864", "--cpus", "0.5"],
    spec: [withCpu({ shares: 1024 }), withMemoryLimit(67108864), withCpus(0.5)],
  },
  "capabilities": {
    flags: ["--cap-add", "CAP_NET_ADMIN", "--cap-drop", "CAP_CHOWN"],
    spec: [withCapabilities({ add: ["CAP_NET_ADMIN"], drop: ["CAP_CHOWN"] })],
  },
  "new privileges": { flags: ["--allow-new-privs"], spec: [withNewPrivileges()] },
  "every privilege": { flags: ["--privileged"], spec: [withPrivileged()] },
  "a terminal": { flags: ["--tty"], spec: [withTerminal()] },
  "a device": { flags: ["--device", "/dev/full"], spec: [withDevices("/dev/full")] },
  "an AppArmor profile": { flags: ["--apparmor-profile", "own"], spec: [withAppArmor("own")] },
  "a class of cache": { flags: ["--rdt-class", "gold"], spec: [withRdtClass("gold")] },
  "a mount": {
    flags: ["--mount", "type=bind,src=/tmp,dst=/host,options=rbind:ro"],
    spec: [withMounts(parseMount("type=bind,src=/tmp,dst=/host,options=rbind:ro"))],
  },
};

/** What images say of their containers, as `umoci config` takes it. */
const images: Record<string, string[]> = {
  "no-user": [],
  "root": ["--config.user", "root"],
  "by-name": ["--config.user", "alice"],
  "by-id": ["--config.user", "1000"],
  "by-unknown-id": ["--config.user", "4242"],
  "with-group": ["--config.user", "alice:video"],
  "ids-with-groups": ["--config.user", "1000:1000"],
  "unknown-ids": ["--config.user", "4242:4343"],
  "own-path": ["--config.env", "PATH=/bin", "--config.env", "A=b"],
  "no-path": ["--config.env", "A=b"],
  "entrypoint": [
    "--config.entrypoint",
    "/bin/echo",
    "--config.cmd",
    "a",
    "--config.workingdir",
    "/home",
    "--config.label",
    "containerd.io/restart.status=running",
    "--config.label",
    "org.example.kept=yes",
  ],
};

/** Users that images name in vain. */
const refused = ["nobody", "alice:nogroup", "4294967296", "2147483648", "-1"];

Deno.test("specs are those that Go's ctr makes", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using containerd = await startContainerd("shm");
  const rootfs = scratch.join("rootfs");
  await busyboxRootfs(rootfs);
  await Deno.writeTextFile(`${rootfs}/etc/group`, "wheel:x:10:root,alice\n4294967296:x:7:\n", {
    append: true,
  });
  await Deno.writeTextFile(`${rootfs}/etc/passwd`, "4294967296:x:0:0::/:/bin/sh\n", { append: true });
  const layout = await imageOfDirs(scratch.join("image"), [rootfs], ["--config.cmd", "sh"]);
  const variant = async (tag: string, config: string[]) => {
    await must("umoci", ["config", "--image", `${layout.path}:latest`, "--tag", tag, ...config]);
    return await push({ path: layout.path, tag }, registry, `users:${tag}`);
  };
  // runc's state and cgroups are named by it, and shared by all daemons.
  const namespace = `spec-${crypto.randomUUID().slice(0, 8)}`;
  await using client = await Client.connect(containerd.address, { namespace });
  let n = 0;
  const compare = async (name: string, { verb, flags, spec: given }: Case) => {
    const id = `c${n++}`;
    const image = await client.pull(name);
    const made = await containerd.ctr([
      "-n",
      namespace,
      ...verb ?? ["containers", "create"],
      ...flags,
      name,
      id,
    ]);
    assert.equal(made.code, 0, made.stderr);
    const info = await containerd.ctr(["-n", namespace, "containers", "info", "--spec", id]);
    const theirs: Spec = JSON.parse(info.stdout);
    if (verb) await containerd.ctr(["-n", namespace, "tasks", "rm", "--force", id]);
    await containerd.ctr(["-n", namespace, "containers", "rm", id]);
    await using container = await client.newContainer(id, { image, spec: given });
    assert.deepEqual(normal(await container.spec()), normal(theirs));
    return await container.info();
  };

  const plain = await variant("plain", []);
  for (const [what, one] of Object.entries(options)) {
    await t.step(what, async () => void await compare(plain, one));
  }
  for (const [tag, config] of Object.entries(images)) {
    await t.step(`an image, ${tag}`, async () => {
      const { labels } = await compare(await variant(tag, config), { flags: [], spec: [] });
      if (tag !== "entrypoint") return;
      assert.equal(labels["org.example.kept"], "yes");
      assert.equal(
        labels["containerd.io/restart.status"],
        undefined,
        "an image gives no orders (CVE-2026-53488)",
      );
    });
  }
  for (const [at, user] of refused.entries()) {
    await t.step(`an image of the user ${user} is refused, and leaves nothing`, async () => {
      const image = await client.pull(await variant(`refused-${at}`, [`--config.user=${user}`]));
      await assert.rejects(client.newContainer("refused", { image }), /invalid argument/);
      assert.deepEqual(await client.containers(), []);
      const active = (await Array.fromAsync(client.snapshots())).filter(({ kind }) => kind !== 3);
      assert.deepEqual(active, []);
    });
  }
});

/**
 * Go lists some things in no order, 1.6.20 lacks a mask that later versions have (GHSA-7ww5), and leaves programs
 * without a PATH where the image sets variables, but none.
 */
function normal(spec: Spec): Spec {
  const { process, linux } = spec;
  for (const set of Object.values(process.capabilities)) set.sort();
  const hidden = linux.maskedPaths?.filter((path) => path !== "/sys/devices/virtual/powercap").sort();
  const env = process.env.some((entry) => entry.startsWith("PATH="))
    ? process.env
    : [...defaultSpec("", "").process.env, ...process.env];
  return {
    ...spec,
    process: { ...process, env },
    linux: { ...linux, ...(hidden && { maskedPaths: hidden }) },
  };
}
