/** Listening and adjusting: the selected row goes to the stage; players, transport and controls follow it. */
import { AS_PROPOSED, makeControls } from "./adjust.js";
import { Player } from "./player.js";
import { Stage } from "./stage.js";
import { onSystemTheme } from "./theme.js";
import { Viewer } from "./viewer.js";
import { adjustWords, joinWords } from "./words.js";

const at = (id) => document.getElementById(id);

export class Hearing {
  #session;
  #say;
  #lists;
  #decide;
  #controls;

  /**
   * @param {Session} session
   * @param {{say: (text: string, options?: object) => void, lists: Lists,
   *   decide: (number: number, patch: object, words: string) => void}} with
   */
  constructor(session, { say, lists, decide }) {
    const { source, told, state } = session;
    this.#session = session;
    this.#say = say;
    this.#lists = lists;
    this.#decide = decide;
    this.player = new Player();
    const viewer = new Viewer(at("video-out"), at("video-in"), at("still-out"), at("still-in"), {
      out: at("plate-out"),
      in: at("plate-in"),
    });
    viewer.follow(this.player);
    this.stage = new Stage({
      source,
      told,
      player: this.player,
      viewer,
      at: { waveform: at("waveform"), spectrogram: at("spectrogram"), matrix: at("matrix"), time: at("time") },
      tell: (what) => this.#staged(what),
    });
    this.#controls = makeControls(controlElements(), {
      laws: told.laws,
      methods: told.methods,
      rate: told.rate,
      change: (patch) => this.adjust(patch),
      reset: () => this.reset(),
      needJoins: () => this.stage.needJoins().catch((error) => this.#controls.problem(error.message)),
    });
    state.on(["number", "choice"], () => this.#showChoice());
    state.on(["player"], () => this.#showPlayer());
    this.player.addEventListener("state", () => this.showPlaying());
    this.player.addEventListener("ended", () => this.showPlaying());
    for (const input of at("players").querySelectorAll("input")) {
      input.addEventListener("change", () => state.set({ player: input.value }));
    }
    onSystemTheme(() => this.stage.redraw());
  }

  /** Play or pause. */
  toggle() {
    if (this.#session.state.values.status === "failed") this.#say(at("stage-message").textContent, { bad: true });
    else this.stage.toggle();
    this.showPlaying();
  }

  showPlaying() {
    const { plays } = this.stage;
    at("play").setAttribute("aria-label", plays ? "Pause" : "Play");
    at("play").querySelector("use").setAttribute("href", plays ? "#icon-pause" : "#icon-play");
    at("play").classList.toggle("on", plays);
  }

  /** The adjustments of the selected candidate, as it is heard where it is. */
  get adjustments() {
    const { current } = this.stage;
    return current?.take && current.take === this.#session.take ? current.adjustments : this.#session.adjustments();
  }

  /** Nudge by frames. */
  nudge(frames) {
    this.#controls.nudge(frames);
  }

  /** Make the fade longer, by milliseconds. */
  fade(ms) {
    this.#controls.fade(ms);
  }

  nextLaw() {
    this.#controls.nextLaw();
  }

  reset() {
    return this.adjust({ ...AS_PROPOSED });
  }

  /** Change the join of the selected candidate; saved with its decision where it is accepted. */
  async adjust(patch) {
    const { point, take, decisions, drafts } = this.#session;
    const { current } = this.stage;
    if (!take || !current?.take) return;
    try {
      // Before the patch is laid over what else was adjusted while they were on their way.
      if (patch.method) await this.stage.needJoins();
    } catch (error) {
      this.refused({ reason: error.message, remedy: "" });
      this.#controls.show({ ...current, methods: this.#methods });
      return;
    }
    if (this.stage.current !== current) return;
    const adjustments = { ...current.adjustments, ...patch };
    const refusal = await this.stage.adjust(adjustments).catch((error) => ({ reason: error.message, remedy: "" }));
    if (this.stage.current !== current) return;
    if (this.refused(refusal)) {
      this.#controls.show({ ...current, methods: this.#methods });
      return;
    }
    drafts.set(point.number, take.rank, adjustments);
    const decision = decisions.of(point.number);
    const said = adjustWords(patch, current);
    if (decision.state === "chosen" && decision.rank === take.rank) this.#decide(point.number, adjustments, said);
    else this.#say(said);
  }

  /** Hear the selected candidate as its decision says now. */
  async again() {
    const { current } = this.stage;
    if (!current?.take) return;
    const adjustments = this.#session.adjustments();
    if (JSON.stringify(adjustments) === JSON.stringify(current.adjustments)) return;
    this.refused(await this.stage.adjust(adjustments).catch((error) => ({ reason: error.message, remedy: "" })));
  }

  /** The next method that can be cut here. */
  async nextMethod() {
    const { current } = this.stage;
    const { told } = this.#session;
    if (!current?.take) return;
    if (told.no_timeline) {
      this.refused({ reason: told.no_timeline, remedy: "" });
      return;
    }
    let joins;
    try {
      joins = await this.stage.needJoins();
    } catch (error) {
      this.refused({ reason: error.message, remedy: "" });
      return;
    }
    if (this.stage.current !== current) return;
    const { methods } = told;
    const now = methods.indexOf(current.adjustments.method ?? current.take.meeting.method);
    for (let i = 1; i < methods.length; i += 1) {
      const method = methods[(now + i) % methods.length];
      const proposed = method === current.take.meeting.method;
      if (!proposed && (!joins?.[method] || joins[method].refusal)) continue;
      await this.adjust({ method: proposed ? null : method });
      return;
    }
    this.refused({ reason: "no other method can be cut here", remedy: "" });
  }

  /** Say beside the drawings what could not be done; null takes it away. */
  problem(words) {
    this.#controls.problem(words);
  }

  /** Say what was refused, beside the drawings and aloud; gives whether anything was. */
  refused(refusal) {
    const words = refusal && [refusal.reason, refusal.remedy].filter(Boolean).join("; ");
    this.#controls.problem(words);
    if (words) this.#say(words, { bad: true });
    return Boolean(words);
  }

  get #methods() {
    const { told } = this.#session;
    return told.no_timeline ? [] : told.methods;
  }

  #showChoice() {
    const { point, take, state } = this.#session;
    if (!point) return;
    at("stage-out").textContent = point.outgoing;
    at("stage-in").textContent = take ? take.name : point.incoming ?? "";
    for (const input of at("players").querySelectorAll("input")) input.disabled = !take;
    this.#controls.problem(null);
    this.stage.show(point, state.values.choice, take, this.#session.adjustments());
  }

  #showPlayer() {
    const { player } = this.#session.state.values;
    for (const input of at("players").querySelectorAll("input")) input.checked = input.value === player;
    if (this.stage.current?.take) this.player.choose(player);
  }

  #staged({ status, words }) {
    const { state } = this.#session;
    if (status === "settled") {
      this.#prefetch();
      return;
    }
    state.set({ status });
    const message = at("stage-message");
    message.textContent = status === "failed" ? words || "There is nothing to hear here." : "";
    message.hidden = status !== "failed";
    at("stage").setAttribute("aria-busy", String(status === "loading"));
    if (status === "ready") {
      const { current } = this.stage;
      this.player.choose(current.take ? state.values.player : "A");
      this.#controls.show(current.take ? { ...current, methods: this.#methods } : null);
      if (current.problem) this.#controls.problem(current.problem);
      at("stage-join").textContent = joinWords(current);
    } else {
      if (status === "failed") this.#controls.show(null);
      at("stage-join").textContent = status === "loading" ? "loading…" : "";
    }
    this.showPlaying();
  }

  // The two rows below, and the first of the next edit point.
  #prefetch() {
    const { point, state } = this.#session;
    const { order } = this.#lists;
    const index = order.indexOf(state.values.choice);
    const soundOf = (rank) => {
      const take = point.takes.find((one) => one.rank === rank);
      return take ? [take.incoming.id, take.outgoing.id] : [];
    };
    const ids = order.slice(index + 1, index + 3).flatMap(soundOf);
    const next = this.#session.pointBeside(1);
    const first = next && this.#session.shown(next)[0];
    if (first) ids.push(first.outgoing.id, first.incoming.id);
    this.stage.prefetch([...new Set(ids)]);
  }
}

function controlElements() {
  return {
    group: at("adjust"),
    nudge: at("nudge"),
    nudgeLess: at("nudge-less"),
    nudgeMore: at("nudge-more"),
    fade: at("fade"),
    fadeLess: at("fade-less"),
    fadeMore: at("fade-more"),
    law: at("law"),
    method: at("method"),
    reset: at("reset"),
    problem: at("problem"),
  };
}
