/**
 * What was decided: shown at once, saved as it is made, and told apart from what another tab decided meanwhile.
 *
 * Events, with a `detail`: "change" {number, cause: "own" | "elsewhere" | "back" | "before", words}, "dropped" {number, decision}
 * (a change that was not kept: the undo stack forgets it), "saving" {pending, failing}, "ended" {reason} or {lost: true}, or
 * null where the server answers again.
 */
const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;

/** A decision on a point where nothing was decided. */
export function undecided(point) {
  return {
    point,
    state: "undecided",
    rank: null,
    nudge_frames: 0,
    fade_length: null,
    fade_law: null,
    method: null,
    note: "",
  };
}

/** Whether two decisions say the same. */
export function same(one, other) {
  return Object.keys(undecided("")).every((key) => one[key] === other[key]);
}

export class Decisions extends EventTarget {
  #source;
  #ids;
  #numbers;
  #records = new Map();
  #failing = false;
  #problem = "";
  #ended = false;
  #wait = FIRST_WAIT_S;
  #timer = 0;

  /**
   * @param {object} source `source.decisions`
   * @param {{number: number, id: string}[]} points
   */
  constructor(source, points) {
    super();
    this.#source = source;
    this.#ids = new Map(points.map((point) => [point.number, point.id]));
    this.#numbers = new Map(points.map((point) => [point.id, point.number]));
    addEventListener("online", () => this.#again());
    addEventListener("beforeunload", (event) => {
      if (this.pending) event.preventDefault();
    });
  }

  /** Read what was decided before, and listen for what others decide. */
  async start() {
    await this.#read("before");
    this.#source.subscribe?.((event) => this.#heard(event));
  }

  /** The decision on an edit point as the page shows it: the editor's own change even before it is saved. */
  of(number) {
    const record = this.#records.get(number);
    return record?.wanted ?? record?.saved ?? undecided(this.#ids.get(number));
  }

  /** How many changes are not saved yet. */
  get pending() {
    let count = 0;
    for (const record of this.#records.values()) count += record.wanted ? 1 : 0;
    return count;
  }

  /** Whether saving has failed and is tried again. */
  get failing() {
    return this.#failing;
  }

  /** Why saving failed last, in words. */
  get problem() {
    return this.#problem;
  }

  /** Decide; shown at once and saved as soon as the server answers. */
  change(number, decision) {
    const record = this.#record(number);
    record.wanted = { ...decision };
    this.#tell("change", { number, cause: "own" });
    if (!record.sending && !this.#failing) this.#send(number);
    this.#saving();
  }

  async #send(number) {
    const record = this.#record(number);
    const sent = record.wanted;
    record.sending = true;
    try {
      const answer = await this.#source.put(number, sent, record.seen);
      record.seen = answer.revision;
      record.saved = answer.decision;
      if (record.wanted === sent) record.wanted = null;
      this.#reached();
    } catch (error) {
      this.#failed(number, record, sent, error);
    }
    record.sending = false;
    this.#saving();
    if (record.wanted && !this.#failing) this.#send(number);
  }

  #failed(number, record, sent, error) {
    if (error.kind === "conflict") {
      record.seen = error.answer.revision;
      record.saved = error.answer.decision;
      record.wanted = null;
      this.#reached();
      this.#drop(number, sent, "it was changed elsewhere meanwhile; what is there now is shown, decide again");
    } else if (error.kind === "refused") {
      if (record.wanted === sent) record.wanted = null;
      this.#reached();
      this.#drop(number, sent, error.message);
    } else {
      this.#failing = true;
      this.#problem = error.message;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#again(), 1000 * this.#wait);
      this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_S);
    }
  }

  #drop(number, decision, words) {
    this.#tell("dropped", { number, decision });
    this.#tell("change", { number, cause: "back", words });
  }

  #reached() {
    const failed = this.#failing;
    this.#failing = false;
    this.#wait = FIRST_WAIT_S;
    clearTimeout(this.#timer);
    if (failed) this.#again();
  }

  #again() {
    if (this.#ended) return;
    this.#failing = false;
    for (const [number, record] of this.#records) {
      if (record.wanted && !record.sending) this.#send(number);
    }
  }

  async #read(cause = "elsewhere") {
    const answer = await this.#source.get();
    for (const [id, { revision, decision }] of Object.entries(answer.decisions)) {
      if (this.#numbers.has(id)) this.#take(this.#numbers.get(id), revision, decision, cause);
    }
    for (const [number, record] of this.#records) {
      const id = this.#ids.get(number);
      if (record.saved && !(id in answer.decisions)) this.#take(number, record.seen, undecided(id));
    }
  }

  #heard(event) {
    if (event.kind === "end") {
      this.#ended = true;
      this.#tell("ended", { reason: event.reason });
    } else if (event.kind === "lost") {
      this.#tell("ended", { lost: true });
    } else if (event.kind === "again") {
      this.#tell("ended", null);
      this.#read().catch(() => {});
      this.#again();
    } else {
      this.#take(event.number, event.revision, event.decision);
    }
  }

  /** What the server holds; it never goes over a change of the editor that is on its way: that is answered itself. */
  #take(number, revision, decision, cause = "elsewhere") {
    if (!this.#ids.has(number)) return;
    const record = this.#record(number);
    if (record.wanted || record.sending || revision < record.seen) return;
    const before = this.of(number);
    record.seen = revision;
    record.saved = decision ?? undecided(this.#ids.get(number));
    if (!same(before, record.saved)) this.#tell("change", { number, cause });
  }

  #record(number) {
    if (!this.#records.has(number)) {
      this.#records.set(number, { seen: 0, saved: null, wanted: null, sending: false });
    }
    return this.#records.get(number);
  }

  #saving() {
    this.#tell("saving", { pending: this.pending, failing: this.#failing });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
