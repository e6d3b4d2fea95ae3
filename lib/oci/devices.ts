/** Devices of the host in a container. */
import { invalidArgument } from "../errors.ts";
import type { Spec } from "./spec.ts";

const typeBits = 0o170000;

/** Adds devices of the host, and directories of them, with leave to use them. */
export async function addDevices(spec: Spec, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    for (const device of await devicesAt(path)) {
      const { type, major, minor } = device;
      (spec.linux.devices ??= []).push(device);
      spec.linux.resources.devices.push({ allow: true, type, major, minor, access: "rwm" });
    }
  }
}

/** Directories of /dev, and the console, that a container has of its own. */
const ownInContainers = ["pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"]
  .map((name) => `/dev/${name}`);

/** Adds every device in the host's /dev. Leave to use them is another matter. */
export async function addHostDevices(spec: Spec, dir = "/dev"): Promise<void> {
  const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
  for (const path of names.map((name) => `${dir}/${name}`)) {
    if (ownInContainers.includes(path)) continue;
    const info = await Deno.lstat(path).catch(() => undefined);
    if (info?.isDirectory) await addHostDevices(spec, path);
    else if (info?.isCharDevice || info?.isBlockDevice) {
      (spec.linux.devices ??= []).push(deviceOf(path, info));
    }
  }
}

async function devicesAt(path: string) {
  const info = await Deno.stat(path);
  if (!info.isDirectory) return [deviceOf(path, info)];
  const found = [];
  for await (const { name } of Deno.readDir(path)) {
    const inner = await Deno.stat(`${path}/${name}`);
    if (inner.isCharDevice || inner.isBlockDevice) found.push(deviceOf(`${path}/${name}`, inner));
  }
  return found;
}

/** Numbers as the kernel packs them (new_encode_dev: 12 bits of major, 20 of minor). */
export function deviceOf(path: string, info: Deno.FileInfo) {
  if (!info.isCharDevice && !info.isBlockDevice) throw invalidArgument(`${path} is not a device`);
  const rdev = BigInt(info.rdev ?? 0);
  const major = Number((rdev >> 8n) & 0xfffn);
  const minor = Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n));
  const fileMode = (info.mode ?? 0) & ~typeBits;
  return {
    path,
    type: info.isBlockDevice ? "b" : "c",
    major,
    minor,
    fileMode,
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
  };
}
