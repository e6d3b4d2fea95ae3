/** What containers need of a host. */
import { messageOf } from "../../errors.ts";
import { openHoles, runcVersion, soundRunc } from "../runc_version.ts";
import { type Finding, readText } from "./finding.ts";

/** Open files that a daemon with a few hundred containers gets along with. */
const enoughFiles = 4096;
const oldestRunc = [1, 1];
/** A device or two of the disk left for the rest: below it, pulls fail halfway. */
const leastFree = 0.05;

/** Every check of the host itself. */
export async function hostFindings(root: string): Promise<Finding[]> {
  return (await Promise.all([user(), runc(), cgroups(), overlay(root), openFiles(), room(root)])).flat();
}

function user(): Finding[] {
  if (Deno.uid() === 0) return [];
  return [{
    level: "warn",
    subject: "user",
    text: "not root: some things could not be looked at",
    advice: "run it with sudo",
  }];
}

async function runc(): Promise<Finding[]> {
  const subject = "runc";
  const advice = "install it: apt-get install runc";
  try {
    const version = await runcVersion();
    if (!version) return [{ level: "fail", subject, text: "it does not tell its version", advice }];
    const text = `version ${version}`;
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const old = major < oldestRunc[0]! || major === oldestRunc[0] && minor < oldestRunc[1]!;
    if (old) return [{ level: "warn", subject, text: `${text} is old`, advice: "install 1.1 or newer" }];
    const open = openHoles(version);
    if (open) return [{ level: "warn", subject, text: open, advice: `install ${soundRunc}` }];
    return [{ level: "ok", subject, text }];
  } catch (error) {
    const text = error instanceof Deno.errors.NotFound ? "not found in PATH" : messageOf(error);
    return [{ level: "fail", subject, text, advice }];
  }
}

async function cgroups(): Promise<Finding[]> {
  const subject = "cgroups";
  const mounts = (await readText("/proc/self/mounts") ?? "").split("\n").map((line) => line.split(" "));
  const unified = mounts.some(([, path, type]) => type === "cgroup2" && path === "/sys/fs/cgroup");
  const advice = "mount them: apt-get install cgroupfs-mount, or boot with systemd";
  if (unified) {
    const controllers = (await readText("/sys/fs/cgroup/cgroup.controllers") ?? "").trim().split(/\s+/);
    return judge("version 2", controllers, ["cpu", "memory", "pids"]);
  }
  const controllers = mounts.filter(([, , type]) => type === "cgroup").flatMap(([, , , options]) =>
    (options ?? "").split(",")
  );
  if (!controllers.length) {
    return [{ level: "fail", subject, text: "no cgroup hierarchy is mounted", advice }];
  }
  return judge("version 1", controllers, ["cpu", "memory", "pids", "devices", "freezer"]);
}

function judge(version: string, there: readonly string[], wanted: readonly string[]): Finding[] {
  const missing = wanted.filter((one) => !there.includes(one));
  const subject = "cgroups";
  if (!missing.length) return [{ level: "ok", subject, text: version }];
  return [{
    level: "warn",
    subject,
    text: `${version}, without the controllers ${missing.join(", ")}: such limits have no effect or fail`,
    advice: "enable them in the kernel's command line or in cgroup.subtree_control",
  }];
}

/** Tells by a mount below the root itself: a root on overlayfs, NFS or the like can't hold upper directories. */
async function overlay(root: string): Promise<Finding[]> {
  const subject = "overlay";
  if (!/\toverlay$/m.test(await readText("/proc/filesystems") ?? "")) {
    return [{
      level: "fail",
      subject,
      text: "the kernel has no overlayfs",
      advice: "load it: modprobe overlay",
    }];
  }
  if (Deno.uid() !== 0) return [{ level: "ok", subject, text: "the kernel has it" }];
  let dir: string | undefined;
  try {
    dir = await Deno.makeTempDir({ dir: await isDirectory(root) ? root : undefined, prefix: "doctor-" });
    for (const name of ["lower", "upper", "work", "merged"]) await Deno.mkdir(`${dir}/${name}`);
    const options = `lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work`;
    const mount = await run("mount", ["-t", "overlay", "overlay", "-o", options, `${dir}/merged`]);
    if (mount !== "") {
      return [{
        level: "fail",
        subject,
        text: `a mount below ${root} fails: ${mount}`,
        advice: "use a root on ext4, xfs or btrfs: ctr daemon --root",
      }];
    }
    const unmount = await run("umount", [`${dir}/merged`]);
    if (unmount !== "") return [{ level: "warn", subject, text: unmount, advice: `umount ${dir}/merged` }];
    return [{ level: "ok", subject, text: "mounts work" }];
  } catch (error) {
    return [{ level: "warn", subject, text: `could not be tried: ${messageOf(error)}` }];
  } finally {
    if (dir) await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
}

/** What a command has to complain of; empty if it succeeds. */
async function run(command: string, args: string[]): Promise<string> {
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
  return success ? "" : new TextDecoder().decode(stderr).trim() || `${command} failed`;
}

async function openFiles(): Promise<Finding[]> {
  const subject = "open files";
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(await readText("/proc/self/limits") ?? "") ??
    [];
  if (!soft) return [];
  if (hard === "unlimited" || Number(hard) >= enoughFiles) {
    return [{ level: "ok", subject, text: `limit ${soft}, at most ${hard}` }];
  }
  return [{
    level: "warn",
    subject,
    text: `the limit is ${hard}, a daemon with many containers needs more`,
    advice: "raise it: ulimit -n 65536, or LimitNOFILE= in its unit",
  }];
}

async function room(root: string): Promise<Finding[]> {
  if (!await isDirectory(root)) return [];
  const subject = "disk";
  try {
    const output = await new Deno.Command("df", { args: ["--output=avail,size,iavail,itotal", "-B1", root] })
      .output();
    const fields = new TextDecoder().decode(output.stdout).trim().split("\n").at(-1)!.trim().split(/\s+/).map(
      Number,
    );
    const [free, size, inodes, allInodes] = fields as [number, number, number, number];
    const scarce = free < size * leastFree || allInodes > 0 && inodes < allInodes * leastFree;
    const text = `${Math.round(free / 1e6)} MB and ${inodes} inodes free at ${root}`;
    if (!scarce) return [{ level: "ok", subject, text }];
    return [{
      level: "warn",
      subject,
      text,
      advice: "ctr system df shows what takes it, ctr prune gives it back",
    }];
  } catch (error) {
    return [{ level: "warn", subject, text: messageOf(error) }];
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}
