/** Platforms, as `os/arch/variant`. */
import type { Platform } from "../../api/types/platform.ts";

/** `linux/arm64/v8` */
export function platformText(platform: Pick<Platform, "os" | "architecture" | "variant">): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part).join("/") || "unknown";
}

const architectures: Record<string, string> = {
  aarch64: "arm64",
  x86_64: "amd64",
  "x86-64": "amd64",
  i386: "386",
  i686: "386",
};

/** The platform containers here run on. */
export function hostPlatform(): { os: string; architecture: string; variant: string } {
  return { os: "linux", architecture: architectures[Deno.build.arch] ?? Deno.build.arch, variant: "" };
}

/** The platform that `linux/arm64`, `arm64` or `linux/arm/v7` names. */
export function parsePlatform(text: string): { os: string; architecture: string; variant: string } {
  const parts = text.toLowerCase().split("/");
  if (parts.length === 1 && parts[0] !== "linux") parts.unshift("linux");
  const [os = "", arch = hostPlatform().architecture, variant = ""] = parts;
  if (arch === "armhf") return { os, architecture: "arm", variant: "" };
  if (arch === "armel") return { os, architecture: "arm", variant: "v6" };
  return { os, architecture: architectures[arch] ?? arch, variant };
}
