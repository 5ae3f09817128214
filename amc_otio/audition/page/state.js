/**
 * One object that holds what the page shows; who shows a part of it subscribes to that part.
 *
 * Subscribers are called once for all changes of a turn, so that a step that changes several values is drawn once.
 */
export class State {
  #values;
  #subscribers = [];
  #changed = new Set();

  /** @param {Record<string, unknown>} values what there is at first; no other names can be set later */
  constructor(values) {
    this.#values = { ...values };
  }

  /** The values, to read. */
  get values() {
    return this.#values;
  }

  /**
   * Change values; those that stay the same tell nobody.
   * @param {Record<string, unknown>} patch
   */
  set(patch) {
    for (const [name, value] of Object.entries(patch)) {
      if (!(name in this.#values)) throw new Error(`the state has no ${name}`);
      if (Object.is(this.#values[name], value)) continue;
      this.#values[name] = value;
      if (!this.#changed.size) queueMicrotask(() => this.flush());
      this.#changed.add(name);
    }
  }

  /**
   * @param {string[]} names
   * @param {(values: Record<string, unknown>, changed: Set<string>) => void} tell
   */
  on(names, tell) {
    this.#subscribers.push({ names, tell });
  }

  /** Tell the subscribers now, for a caller that needs what they draw. */
  flush() {
    while (this.#changed.size) {
      const changed = this.#changed;
      this.#changed = new Set();
      for (const { names, tell } of this.#subscribers) {
        if (names.some((name) => changed.has(name))) tell(this.#values, changed);
      }
    }
  }
}
