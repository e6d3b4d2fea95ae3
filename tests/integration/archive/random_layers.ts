/** Random layers: few names, so that entries collide, replace and hide each other. */
import fc from "fast-check";
import type { TarItem } from "../../harness/tar.ts";

const component = fc.constantFrom("a", "b", "c", "dir", "\xc3\xa9", "\xff\xfe", "with space", "n".repeat(60));
const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const written = fc.tuple(fc.constantFrom("", "", "", "./", "/", "x/../"), path).map((parts) =>
  parts.join("")
);

const owner = fc.constantFrom(0, 0, 0, 1, 1000, 65534, 0x7fffffff, 0x80000001);
const mode = fc.constantFrom(0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0o6711, 0, 0o777, 0o100644);
const seconds = fc.integer({ min: -10, max: 1_600_000_000 });
const mtime = fc.oneof(
  seconds.map((mtime) => ({ mtime: Math.max(0, mtime), pax: {} })),
  fc.tuple(seconds, fc.integer({ min: 0, max: 999_999_999 })).map(([s, n]) => ({
    mtime: 0,
    pax: { mtime: `${s}.${String(n).padStart(9, "0")}` },
  })),
);
const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
const xattrs = fc.constantFrom<Record<string, string>>(
  {},
  {},
  {},
  { "SCHILY.xattr.user.one": "1", "SCHILY.xattr.user.two": "\xff\x01" },
  { "SCHILY.xattr.security.capability": capability },
  { "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.trusted.mine": "1" },
  { "LIBARCHIVE.xattr.user.z": "MQ==" },
);

const meta = fc.record({
  mode,
  uid: owner,
  gid: owner,
  time: mtime,
  xattrs,
  dialect: fc.constantFrom("pax", "gnu"),
})
  .map(({ mode, uid, gid, time, xattrs, dialect }): Partial<TarItem> => ({
    mode,
    uid,
    gid,
    mtime: time.mtime,
    pax: { ...time.pax, ...xattrs },
    dialect: dialect as "pax" | "gnu",
  }));

const body = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.tuple(fc.integer({ min: 500, max: 3000 }), fc.nat(255)).map(([n, b]) => new Uint8Array(n).fill(b)),
);
const linkTarget = fc.oneof(
  path,
  path.map((p) => "/" + p),
  path.map((p) => "../" + p),
  fc.constantFrom(".", "..", "../../../../etc", "/", "missing/deep", "l".repeat(150)),
);
const device = fc.record({ major: fc.integer({ min: 1, max: 250 }), minor: fc.nat(300) });

const item = fc.oneof(
  { weight: 6, arbitrary: fc.record({ name: written, body }) },
  {
    weight: 5,
    arbitrary: fc.tuple(written, fc.constantFrom("", "/")).map(([n, s]) => ({ name: n + s, type: "5" })),
  },
  { weight: 3, arbitrary: fc.record({ name: written, linkName: linkTarget, type: fc.constant("2") }) },
  { weight: 2, arbitrary: fc.record({ name: written, device, type: fc.constantFrom("3", "4", "6") }) },
);
const described = fc.tuple(item, meta).map(([item, meta]): TarItem => ({ ...meta, ...item }));

const hide = (name: string) => name.replace(/([^/]*)\/?$/, ".wh.$1");
const whiteout = written.map((name): TarItem => ({ name: hide(name) }));
const opaque = path.map((name): TarItem => ({ name: `${name}/.wh..wh..opq` }));

/** A hard link to some entry before it; a file's name if there is one. */
function linked(items: TarItem[], links: { name: string; pick: number }[]): TarItem[] {
  const files = items.filter((item) => (item.type ?? "0") === "0" && item.body !== undefined);
  if (files.length === 0) return items;
  return [
    ...items,
    ...links.map(({ name, pick }): TarItem => {
      const file = files[pick % files.length]!;
      return { ...file, name, linkName: file.name.replace(/^\//, ""), type: "1", body: undefined };
    }),
  ];
}

const links = fc.array(fc.record({ name: written, pick: fc.nat() }), { maxLength: 2 });

/** The lowest layer of an image. */
export const baseLayer: fc.Arbitrary<TarItem[]> = fc.tuple(
  fc.array(described, { minLength: 1, maxLength: 10 }),
  links,
).map(([items, links]) => linked(items, links));

/** A layer on top: whiteouts among other things. */
export const upperLayer: fc.Arbitrary<TarItem[]> = fc.tuple(
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: described },
      { weight: 2, arbitrary: whiteout },
      { weight: 1, arbitrary: opaque },
    ),
    { minLength: 1, maxLength: 8 },
  ),
  links,
).map(([items, links]) => linked(items, links));
