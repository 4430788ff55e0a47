// Memory of arrays given back at once: left to the garbage collector, large ones would pile up until it runs.
// Knows not what they held.

const { port1: nowhere, port2: end } = new MessageChannel();
end.close();
nowhere.close();

/** Frees buffers that nobody reads any more, as what is transferred to a closed port is freed. Arrays on them are empty from then on. */
export function discard(buffers: readonly ArrayBuffer[]): void {
  if (buffers.length > 0) nowhere.postMessage(null, [...buffers]);
}
