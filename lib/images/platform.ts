/** Platforms: `linux/arm64/v8` and which images run on them. Source: OCI image index spec; Go's GOARCH names. */
import { invalidArgument } from "../errors.ts";

/** An operating system and a processor. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Empty where the architecture has one only. */
  readonly variant: string;
  /** Empty for any. */
  readonly osVersion: string;
}

const part = /^[A-Za-z0-9_.-]+$/;
const systems = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows"
    .split(" "),
);
const architectures = new Set(
  ("386 amd64 arm arm64 armbe arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 " +
    "ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm").split(" "),
);
const otherNames: Record<string, readonly [architecture: string, variant?: string]> = {
  i386: ["386"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** The same platform by its usual names: aarch64 is arm64, amd64/v1 is amd64, arm is arm/v7. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  let architecture = platform.architecture.toLowerCase();
  let variant = platform.variant.toLowerCase();
  const other = otherNames[architecture];
  if (other) {
    architecture = other[0];
    variant = other[1] ?? variant;
  }
  if (architecture === "386") variant = "";
  if (architecture === "amd64" && variant === "v1") variant = "";
  if (architecture === "arm64" && (variant === "8" || variant === "v8")) variant = "";
  if (architecture === "arm") variant = variant === "" ? "v7" : variant.replace(/^(\d+)$/, "v$1");
  return { os, architecture, variant, osVersion: platform.osVersion };
}

/**
 * Reads `os`, `arch`, `os/arch` or `os/arch/variant`; what is left out is this machine's. Throws InvalidArgument.
 *
 * @example
 * ```ts
 * formatPlatform(parsePlatform("linux/aarch64")); // "linux/arm64"
 * ```
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const wrong = (why: string) => invalidArgument(`platform ${JSON.stringify(text.slice(0, 200))}: ${why}`);
  if (parts.length > 3) throw wrong("more than os/architecture/variant");
  const bad = parts.find((one) => !part.test(one));
  if (bad !== undefined) throw wrong(`${JSON.stringify(bad.slice(0, 50))} is not a name`);
  const [first = "", architecture, variant = ""] = parts;
  if (architecture !== undefined) {
    return normalizePlatform({ os: first, architecture, variant, osVersion: "" });
  }
  const here = defaultPlatform();
  const os = normalizePlatform({ ...here, os: first }).os;
  if (systems.has(os)) return { ...here, os };
  const named = normalizePlatform({ ...here, architecture: first, variant: "" });
  if (architectures.has(named.architecture)) return named;
  throw wrong("unknown operating system or architecture");
}

/** `os/architecture[/variant]`; "unknown" for one without a system. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  if (!os) return "unknown";
  return [os, architecture, variant].filter((one) => one).join("/");
}

/** This machine's. */
export function defaultPlatform(): Platform {
  const architecture = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  return { os: "linux", architecture, variant: "", osVersion: "" };
}

/** What a platform also runs, best first. */
function runnable(platform: Platform): Platform[] {
  const wanted = normalizePlatform(platform);
  const { architecture, variant } = wanted;
  const arms = (from: number) =>
    Array.from({ length: from - 4 }, (_, n) => ({ ...wanted, architecture: "arm", variant: `v${from - n}` }));
  if (architecture === "amd64" && /^(v[2-4])?$/.test(variant)) {
    const level = Number(variant.slice(1) || 1);
    const levels = Array.from({ length: level }, (_, n) => level - n);
    const amd64 = levels.map((n) => ({ ...wanted, variant: n === 1 ? "" : `v${n}` }));
    return [...amd64, { ...wanted, architecture: "386", variant: "" }];
  }
  if (architecture === "arm64" && variant === "") return [wanted, ...arms(8)];
  const arm = architecture === "arm" && /^v([5-8])$/.exec(variant);
  return arm ? arms(Number(arm[1])) : [wanted];
}

/** How well `candidate` suits `wanted`: 0 best, undefined not at all. */
export function suitability(wanted: Platform, candidate: Platform): number | undefined {
  const other = normalizePlatform(candidate);
  if (wanted.osVersion && other.osVersion && wanted.osVersion !== other.osVersion) return undefined;
  const rank = runnable(wanted).findIndex(({ os, architecture, variant }) =>
    os === other.os && architecture === other.architecture && variant === other.variant
  );
  return rank < 0 ? undefined : rank;
}

/** Whether an image for `candidate` runs on `wanted`. */
export function matches(wanted: Platform, candidate: Platform): boolean {
  return suitability(wanted, candidate) !== undefined;
}

/** The items that suit `wanted`, best first; those without a platform last. */
export function suitable<T extends { readonly platform?: Platform }>(
  wanted: Platform,
  items: readonly T[],
): T[] {
  return items
    .map((item) => ({ item, rank: item.platform ? suitability(wanted, item.platform) : Infinity }))
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => a.rank === b.rank ? 0 : a.rank! - b.rank!)
    .map(({ item }) => item);
}
