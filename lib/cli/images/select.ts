/** Which images a list is asked for: by name or by filter. */
import { type Image, ImagesDefinition } from "../../api/services/images/v1/images.ts";
import type { Daemon } from "../connect.ts";

/** A name (`docker.io/library/alpine:latest`) is taken as the filter that finds it. */
export function asFilter(word: string): string {
  return /[=~]|^labels\b|^name$|^target\b/.test(word) ? word : `name==${JSON.stringify(word)}`;
}

/** The images that `words` select; all for none. */
export async function selectImages(daemon: Daemon, words: readonly string[]): Promise<Image[]> {
  return (await daemon.stub(ImagesDefinition).list({ filters: words.map(asFilter) })).images;
}
