// Memory that the thread that serves fills and other threads read: pieces of one size, used again and again, as garbage of their kind
// is collected late. Knows nobody who fills them.

/** Sockets give 64 KiB at a time; a message or a call of the system for each would take longer than what it does. More would be held by each stream. */
export const PIECE = 256 * 1024;

export type Piece = Uint8Array<SharedArrayBuffer>;

const idle: Piece[] = [];
const MOST_IDLE = 16;

/** A piece that nobody else has. */
export const takePiece = (): Piece => idle.pop() ?? new Uint8Array(new SharedArrayBuffer(PIECE));

/** Gives pieces back that no thread and no disk reads any more. */
export const givePieces = (pieces: readonly Piece[]): number => idle.push(...pieces.slice(0, MOST_IDLE - idle.length));
