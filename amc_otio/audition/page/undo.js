/** The editor's own changes, last first; kept for a reload of the tab. */
import { same } from "./decisions.js";

const MOST = 500;

export class Undo {
  #key;
  #stack;

  /** @param {string} key of the session's storage: one for each proposals file */
  constructor(key) {
    this.#key = key;
    this.#stack = read(key);
  }

  get length() {
    return this.#stack.length;
  }

  /** Remember a change that the editor made. */
  push(number, before, after) {
    this.#stack.push({ number, before, after });
    this.#stack.splice(0, Math.max(0, this.#stack.length - MOST));
    this.#write();
  }

  /** Forget a change that was not kept after all. */
  drop(number, after) {
    const index = this.#stack.findLastIndex((one) => one.number === number && same(one.after, after));
    if (index >= 0) this.#stack.splice(index, 1);
    this.#write();
  }

  /**
   * Take the last change off the stack.
   * @param {(number: number) => object} now the decision that an edit point has
   * @returns {{number: number, decision: object} | {number: number, refusal: string} | null} null where nothing is left
   */
  pop(now) {
    const last = this.#stack.pop();
    if (!last) return null;
    this.#write();
    if (!same(now(last.number), last.after)) {
      return { number: last.number, refusal: "it was changed elsewhere since; nothing is undone" };
    }
    return { number: last.number, decision: last.before };
  }

  #write() {
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(this.#stack));
    } catch {
      // A full or forbidden storage costs only what a reload would have kept.
    }
  }
}

function read(key) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => one?.before && one?.after && Number.isInteger(one.number)) : [];
  } catch {
    return [];
  }
}
