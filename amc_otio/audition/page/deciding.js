/** Deciding: changes that the editor makes, what others changed, and how all of it is shown and kept. */
import { AS_PROPOSED } from "./adjust.js";
import { same } from "./decisions.js";
import { stateWords } from "./words.js";

const NO_ANSWER = "Not saved: the server does not answer; run amc-otio audition again.";
const at = (id) => document.getElementById(id);
const plain = (state) => ({ ...AS_PROPOSED, state, rank: null });

export class Deciding {
  #session;
  #announcer;
  #lists;
  #ended = null;
  #saved = false;

  /**
   * @param {Session} session
   * @param {{announcer: object, lists: Lists}} with
   */
  constructor(session, { announcer, lists }) {
    this.#session = session;
    this.#announcer = announcer;
    this.#lists = lists;
    /** Hearing, which is made after this. */
    this.hearing = null;
  }

  /** Read what was decided before, and follow what comes. */
  async start() {
    const { decisions, state, told, undos } = this.#session;
    decisions.addEventListener("change", ({ detail }) => this.#changed(detail));
    decisions.addEventListener("dropped", ({ detail }) => undos.drop(detail.number, detail.decision));
    decisions.addEventListener("saving", ({ detail }) => {
      this.#saved ||= detail.pending > 0;
      this.#showSaving();
    });
    decisions.addEventListener("ended", ({ detail }) => {
      this.#ended = detail;
      this.#showSaving();
    });
    state.on(["status", "decided", "number", "choice"], () => this.#showButtons());
    state.on(["number"], () => this.#showNote());
    at("note").addEventListener("change", () => this.#note(at("note").value));
    at("note").addEventListener("keydown", (event) => event.key === "Enter" && this.#lists.focus());
    try {
      await decisions.start();
    } catch (error) {
      this.#announcer.banner(error.message);
    }
    for (const point of told.points) this.#lists.decided(point.number);
    this.#showProgress();
    this.#showSaving();
  }

  accept(point) {
    const { take } = this.#session;
    if (!take) {
      this.#announcer.say("This is the present shot: K keeps it.");
      return;
    }
    const rival = this.#session.rivalOf(point);
    if (rival !== null) {
      this.hearing.refused(togetherWith(point.number, rival));
      return;
    }
    this.decide(point.number, { ...this.hearing.adjustments, state: "chosen", rank: take.rank }, `accepted ${take.name}`);
  }

  keep(point) {
    this.decide(point.number, plain("kept"), "the present shot is kept");
  }

  reject(point) {
    this.decide(point.number, plain("rejected"), "rejected, no candidate will do");
  }

  clear(point) {
    this.decide(point.number, plain("undecided"), "undecided again");
  }

  /** Change the decision on an edit point as the editor asked. */
  decide(number, patch, words) {
    const { decisions, undos } = this.#session;
    const before = decisions.of(number);
    const after = { ...before, ...patch };
    if (same(before, after)) {
      this.#announcer.say(`Already so: ${words}`);
      return;
    }
    undos.push(number, before, after);
    decisions.change(number, after);
    this.#announcer.say(`Edit point ${number}: ${words}`);
  }

  /** Take back the editor's last change. */
  undo() {
    const { decisions, undos, points, state } = this.#session;
    const { say } = this.#announcer;
    const undone = undos.pop((number) => decisions.of(number));
    if (!undone) {
      say("There is nothing to undo.");
      return;
    }
    if (!points.has(undone.number)) return;
    this.#session.jump(undone.number);
    state.set({ decided: state.values.decided + 1 });
    if (undone.refusal) {
      say(`Edit point ${undone.number}: ${undone.refusal}`, { bad: true });
      return;
    }
    const { decision } = undone;
    const rival = decision.state === "chosen" ? this.#session.rivalOf(points.get(undone.number)) : null;
    if (rival !== null) {
      this.hearing.refused(togetherWith(undone.number, rival));
      return;
    }
    decisions.change(undone.number, decision);
    if (decision.state === "chosen") state.set({ choice: decision.rank });
    this.hearing.again();
    say(`Undone. Edit point ${undone.number}: ${stateWords(decision)}`);
  }

  #note(text) {
    const { point, decisions } = this.#session;
    if (!point || decisions.of(point.number).note === text) return;
    this.decide(point.number, { note: text }, text ? "note written" : "note removed");
  }

  #changed({ number, cause, words }) {
    const { decisions, state } = this.#session;
    const { say } = this.#announcer;
    const here = number === state.values.number;
    this.#lists.decided(number);
    this.#showProgress();
    state.set({ decided: state.values.decided + 1 });
    if (here) {
      if (document.activeElement !== at("note")) this.#showNote();
      if (cause !== "own") this.hearing.again();
    }
    if (cause === "back") say(`Edit point ${number}: not saved: ${words}`, { bad: true });
    if (cause === "back" && here) this.hearing.problem(words);
    if (cause === "elsewhere") say(`Edit point ${number} was changed elsewhere: ${stateWords(decisions.of(number))}`);
  }

  #showNote() {
    const { point, decisions } = this.#session;
    if (point) at("note").value = decisions.of(point.number).note;
  }

  #showButtons() {
    const { point, take, state, decisions, undos } = this.#session;
    if (!point) return;
    const decision = decisions.of(point.number);
    const refused = point.refusal !== null;
    const put = (id, on, text, disabled) => {
      at(id).textContent = text;
      at(id).classList.toggle("on", on);
      at(id).disabled = disabled;
    };
    const accepted = decision.state === "chosen" && decision.rank === state.values.choice;
    put("accept", accepted, accepted ? "Accepted" : "Accept", refused || !take);
    put("keep", decision.state === "kept", decision.state === "kept" ? "Kept" : "Keep present", refused);
    put("reject", decision.state === "rejected", decision.state === "rejected" ? "Rejected" : "Reject", refused);
    at("clear").disabled = decision.state === "undecided";
    at("undo").disabled = undos.length === 0;
    at("note").disabled = refused;
  }

  #showProgress() {
    const { chosen, kept, rejected, undecided: open } = this.#session.counts();
    const decided = chosen + kept + rejected;
    const bar = at("progress-bar");
    bar.max = Math.max(1, decided + open);
    bar.value = decided;
    at("progress-text").textContent = `${decided} of ${decided + open} decided`;
  }

  #showSaving() {
    const { pending, failing, problem } = this.#session.decisions;
    const { path, note } = this.#session.source.decisions;
    const kept = path ? `Decisions are kept in ${path}` : "";
    if (failing) this.#announcer.banner(`Not saved: ${problem}.`);
    else if (this.#ended && pending) this.#announcer.banner(NO_ANSWER);
    else if (this.#ended) this.#announcer.banner(endWords(this.#ended, kept), { calm: true });
    else this.#announcer.banner(note ? `${note[0].toUpperCase()}${note.slice(1)}.` : null, { calm: true });
    const saved = at("saved");
    if (pending) saved.textContent = failing || this.#ended ? `${pending} not saved` : "Saving…";
    else saved.textContent = this.#saved && path ? `Saved in ${path}` : kept;
    saved.title = path ?? "";
  }
}

function togetherWith(number, rival) {
  return {
    reason: `Edit point ${number} cannot be cut together with edit point ${rival}: both change the same shot`,
    remedy: `to go on, go to edit point ${rival} and clear it (Delete)`,
  };
}

function endWords({ reason, lost }, kept) {
  const what = lost ? "The server does not answer any more" : `The server has ended${reason ? `: ${reason}` : ""}`;
  return `${what}. ${kept ? `${kept}. ` : ""}To go on, run amc-otio audition again.`;
}
