/**
 * How many requests of a kind are on their way. A browser opens six connections to a host, of which the events hold one:
 * pictures and videos keep to lanes of their own so that sound always finds one free.
 */

/** Closed while anything waits for sound: lanes behind it start nothing new. */
export class Gate {
  #inside = 0;
  #waiting = new Set();

  get open() {
    return this.#inside === 0;
  }

  /** Keep the gate closed until a promise is settled; gives the promise. */
  async close(promise) {
    this.#inside += 1;
    try {
      return await promise;
    } finally {
      this.#inside -= 1;
      if (this.open) for (const tell of this.#waiting) tell();
    }
  }

  /** Call each time that the gate opens. */
  onOpen(tell) {
    this.#waiting.add(tell);
  }
}

/** At most so many tasks at a time, in order: who asks takes back what is not looked at any more. */
export class Lane {
  #most;
  #gate;
  #waiting = [];
  #running = 0;

  /**
   * @param {number} most tasks at a time
   * @param {Gate} gate nothing starts while it is closed
   */
  constructor(most, gate) {
    this.#most = most;
    this.#gate = gate;
    gate.onOpen(() => this.#next());
  }

  /**
   * Run a task when its turn comes; rejected with the signal's reason where it is dropped before or while it runs.
   * @template T
   * @param {() => Promise<T>} task
   * @param {AbortSignal} [signal]
   * @returns {Promise<T>}
   */
  run(task, signal) {
    return new Promise((done, failed) => {
      const entry = { task, done, failed };
      signal?.addEventListener("abort", () => {
        this.#waiting = this.#waiting.filter((one) => one !== entry);
        failed(signal.reason);
      });
      if (signal?.aborted) failed(signal.reason);
      else this.#waiting.push(entry);
      this.#next();
    });
  }

  #next() {
    while (this.#gate.open && this.#running < this.#most && this.#waiting.length) {
      const { task, done, failed } = this.#waiting.shift();
      this.#running += 1;
      task()
        .then(done, failed)
        .finally(() => {
          this.#running -= 1;
          this.#next();
        });
    }
  }
}

/** Addresses of pictures that are kept; the least recently used go first, and their bytes with them. */
export class Addresses {
  #most;
  #kept = new Map();

  constructor(most) {
    this.#most = most;
  }

  /** The address that is kept for an id; undefined where none is. */
  get(id) {
    const url = this.#kept.get(id);
    if (url === undefined) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, url);
    return url;
  }

  /** Keep bytes; gives their address. */
  keep(id, blob) {
    const already = this.get(id);
    if (already) return already;
    const url = URL.createObjectURL(blob);
    this.#kept.set(id, url);
    for (const [oldest, old] of this.#kept) {
      if (this.#kept.size <= this.#most) break;
      this.#kept.delete(oldest);
      URL.revokeObjectURL(old);
    }
    return url;
  }
}
