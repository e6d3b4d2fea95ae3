/** The RDMA controller, the same in both versions. */
import type { RdmaEntry, RdmaStat } from "../api/cgroups/v2/metrics.ts";
import { parseNumber, readLines } from "./files.ts";

const unlimited = 0xffffffff;

/** Handles and objects by device. */
export function readRdma(dir: string): RdmaStat {
  return { current: readEntries(`${dir}/rdma.current`), limit: readEntries(`${dir}/rdma.max`) };
}

/** Lines `mlx4_0 hca_handle=2 hca_object=max`. */
function readEntries(path: string): RdmaEntry[] {
  return readLines(path).filter((words) => words.length === 3).map(([device, ...pairs]) => {
    const values = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
    const valueOf = (name: string) => {
      const text = values.get(name);
      return text === "max" ? unlimited : Number(BigInt.asUintN(32, parseNumber(text)));
    };
    return { device: device!, hcaHandles: valueOf("hca_handle"), hcaObjects: valueOf("hca_object") };
  });
}
