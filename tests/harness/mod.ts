/** What tests run against: real servers, real images, and a place of their own that leaves nothing behind. */
export { mountBtrfs } from "./btrfs.ts";
export { Authority, type Certificate } from "./certificates.ts";
export { type CommandOptions, must, type Output, run, runAlone } from "./command.ts";
export { Docker, type DockerOptions, haveDocker } from "./docker.ts";
export { ForwardProxy } from "./forward_proxy.ts";
export { Containerd, goCtr, startContainerd } from "./containerd.ts";
export { busyboxImage, busyboxRootfs, imageOfDirs, type Layout, push, richImage } from "./images.ts";
export { ctrPath, Longshore, type LongshoreOptions, startLongshore } from "./longshore.ts";
export { Registry, type RegistryOptions, startRegistry } from "./registry.ts";
export { mountsBelow, Scratch } from "./scratch.ts";
export { UserTerminal } from "./terminal.ts";
export { Server, type ServerOptions } from "./server.ts";
