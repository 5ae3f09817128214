/** The stage: what is selected is loaded, mixed, drawn and handed to the player. */
import { meetingOf } from "./adjust.js";
import { coloursOf } from "./drawing.js";
import { SourceError } from "./live.js";
import { heard, mix, plain } from "./mix.js";
import { describeMatrix, drawMatrix } from "./matrix.js";
import { RATE } from "./rational.js";
import { makeSpectrogram } from "./spectrogram.js";
import { describe, makeWaveform } from "./waveform.js";

/** Where the arrows run through rows faster than this, only the last one's sound is asked for. */
const HURRY_MS = 120;

export class Stage {
  #source;
  #told;
  #player;
  #viewer;
  #at;
  #tell;
  #turn = 0;
  /** Takes back what was asked for the row before. */
  #asking = new AbortController();
  #last = 0;
  #wanted = null;
  #wantsPlay = false;
  #current = null;
  #drawn = 0;
  #lanes;
  #hover = null;

  /**
   * @param {{source: object, told: object, player: EventTarget, viewer: object, at: Record<string, HTMLElement>,
   *   tell: (what: {status: string, words?: string}) => void}} parts
   *   `at`: waveform, spectrogram, matrix (canvases), time
   *   `tell` is called with status "loading", "ready" (it can be heard), "settled" (and seen, whole) or "failed"
   */
  constructor({ source, told, player, viewer, at, tell }) {
    this.#source = source;
    this.#told = told;
    this.#player = player;
    this.#viewer = viewer;
    this.#at = at;
    this.#tell = tell;
    player.addEventListener("position", () => this.#showPosition());
    player.addEventListener("state", () => this.#showPosition());
    const resized = new ResizeObserver(() => this.redraw());
    for (const canvas of [at.waveform, at.spectrogram, at.matrix]) resized.observe(canvas);
    this.#lanes = [makeWaveform(at.waveform), makeSpectrogram(at.spectrogram)];
    for (const [i, canvas] of [at.waveform, at.spectrogram].entries()) this.#followPointer(canvas, this.#lanes[i]);
  }

  /** What is loaded: {point, choice, take, adjustments, base, meeting, joins}; null while nothing is. */
  get current() {
    return this.#current;
  }

  /** Whether it plays, or will as soon as it is loaded. */
  get plays() {
    return this.#wantsPlay || this.#player.playing;
  }

  /** Play or pause; what is not loaded yet plays as soon as it is. */
  toggle() {
    if (!this.#current) {
      this.#player.wake();
      this.#wantsPlay = !this.#wantsPlay;
      this.#tell({ status: "loading" });
    } else {
      this.#player.toggle();
    }
  }

  /**
   * Show a row. A row that plays is followed by this one from its start.
   * @param {object | null} point
   * @param {number} choice 0 is the present shot
   * @param {object | null} take
   * @param {object} adjustments
   */
  async show(point, choice, take, adjustments) {
    const turn = ++this.#turn;
    this.#asking.abort();
    this.#asking = new AbortController();
    const hurried = performance.now() - this.#last < HURRY_MS;
    this.#last = performance.now();
    if (this.#player.playing) this.#wantsPlay = true;
    this.#player.pause();
    this.#current = null;
    this.#wanted = { point, choice, take, adjustments };
    this.#tell({ status: "loading" });
    if (!point) return this.#fail(turn, "");
    try {
      if (hurried) await new Promise((done) => setTimeout(done, HURRY_MS));
      if (turn !== this.#turn) return undefined;
      const made = take ? await this.#loadTake(point, take, adjustments) : await this.#loadPresent(point);
      if (turn !== this.#turn) return undefined;
      this.#current = { point, choice, take, ...made };
      this.#sound();
      this.#player.seek(0);
      if (this.#wantsPlay) this.#player.play(0);
      this.#wantsPlay = false;
      this.#tell({ status: "ready" });
      await Promise.all([this.#pictures(), take && this.#showMatrix(turn, point, take)]);
      if (turn === this.#turn) this.#tell({ status: "settled" });
    } catch (error) {
      if (turn === this.#turn) this.#fail(turn, error.message);
      if (!error.kind) console.error(error);
    }
    return undefined;
  }

  /**
   * Change the join that is shown.
   * @returns {Promise<{reason: string, remedy: string} | null>} why it cannot be carried out; null: it is heard now
   */
  async adjust(adjustments) {
    const { take, point } = this.#current;
    const turn = this.#turn;
    const joins = await this.#joinsFor(point, take, adjustments);
    if (turn !== this.#turn || !this.#current) return null;
    const made = meetingOf(take, adjustments, joins, this.#told.rate);
    if (made.refusal) return made.refusal;
    const base = meetingOf(take, { ...adjustments, nudge_frames: 0, fade_length: null, fade_law: null }, joins, this.#told.rate);
    Object.assign(this.#current, { adjustments, meeting: made.meeting, base: base.meeting ?? made.meeting, joins: joins ?? this.#current.joins });
    this.#sound();
    this.#tell({ status: "ready" });
    return null;
  }

  /** Have the joins by every method here; returns them, or null where they cannot be had. */
  async needJoins() {
    const current = this.#current;
    if (!current?.take || this.#told.methods.length < 2) return null;
    const joins = await this.#source.joins(current.point.number, current.take.rank);
    if (current === this.#current && current.joins !== joins) {
      current.joins = joins;
      this.#tell({ status: "ready" });
    }
    return joins;
  }

  /** Ask for the sounds of rows that may be next, one after the other, while nothing else is asked for. */
  prefetch(ids) {
    const turn = this.#turn;
    requestIdleCallback(async () => {
      for (const id of ids) {
        if (turn !== this.#turn) return;
        await this.#source.segment(id, { later: true }).catch(() => null);
      }
    });
  }

  /** Draw everything with the next frame. */
  redraw() {
    if (this.#drawn) return;
    this.#drawn = requestAnimationFrame(() => {
      this.#drawn = 0;
      this.#draw();
    });
  }

  async #loadTake(point, take, adjustments) {
    const [out, incoming, joins] = await Promise.all([
      this.#source.segment(take.outgoing.id),
      this.#source.segment(take.incoming.id),
      this.#joinsFor(point, take, adjustments),
    ]);
    const made = meetingOf(take, adjustments, joins, this.#told.rate);
    const base = meetingOf(take, { ...adjustments, nudge_frames: 0, fade_length: null, fade_law: null }, joins, this.#told.rate);
    const problem = made.refusal ? `${made.refusal.reason}; ${made.refusal.remedy}` : null;
    return { out, in: incoming, joins, adjustments, base: base.meeting ?? take.meeting, meeting: made.meeting ?? take.meeting, problem };
  }

  async #loadPresent(point) {
    const { present } = point;
    if (!present || !point.sound) {
      throw new SourceError("refused", { reason: point.refusal ?? "the present shot’s sound is not at hand" });
    }
    const [out, incoming] = await Promise.all([
      this.#source.segment(point.sound.id),
      present.incoming ? this.#source.segment(present.incoming.id) : null,
    ]);
    return { out, in: incoming, meeting: null, base: null, joins: null, adjustments: null, problem: null };
  }

  #joinsFor(point, take, { method }) {
    const another = method !== null && method !== take.meeting.method;
    return another ? this.#source.joins(point.number, take.rank) : Promise.resolve(this.#current?.joins ?? null);
  }

  #sound() {
    const current = this.#current;
    const { point, out, meeting } = current;
    if (meeting) {
      const { from, hold } = heard(meeting, point.out_from);
      current.mixed = mix(out, current.in, meeting, { from, hold, fixedFade: this.#told.fixed_fade });
      current.drawnMeeting = meeting;
    } else {
      const { out_at: outAt, in_at: inAt } = point.present;
      current.drawnMeeting = { out_at: outAt, in_at: inAt, fade_before: 0, fade_after: 0, law: "equal-gain", gain_db: 0, glide: 0, slip: 0, length: null };
      const { from, hold } = heard(current.drawnMeeting, point.out_from);
      current.mixed = plain(out, current.in, outAt, inAt, from, hold);
    }
    this.#player.load(current.mixed);
    this.#showVideo();
    this.redraw();
  }

  async #pictures() {
    const { point, take, choice } = this.#current;
    const turn = this.#turn;
    const out = take ? take.outgoing : point.sound;
    const incoming = take ? take.incoming : point.present.incoming;
    const [outId, inId] = choice ? [`${point.number}.${choice}.out`, `${point.number}.${choice}.in`] : [`${point.number}.out`, `${point.number}.present`];
    const urls = { outUrl: null, inUrl: null, outStill: null, inStill: null };
    this.#current.urls = urls;
    this.#showVideo();
    const { signal } = this.#asking;
    const ask = async (name, is, get, id) => {
      if (!is) return;
      urls[name] = await get.call(this.#source, id, signal).catch(() => null);
      if (turn === this.#turn && this.#current) this.#showVideo();
    };
    // Stills first: they are small, and stand in until the videos are here.
    await Promise.all([
      ask("outStill", out?.has_picture, this.#source.frameUrl, outId),
      ask("inStill", incoming?.has_picture, this.#source.frameUrl, inId),
    ]);
    if (turn !== this.#turn) return;
    await Promise.all([
      ask("outUrl", out?.has_picture, this.#source.videoUrl, out?.id),
      ask("inUrl", incoming?.has_picture, this.#source.videoUrl, incoming?.id),
    ]);
  }

  #showVideo() {
    const { urls, mixed, point, take, out, in: incoming, drawnMeeting: meeting } = this.#current;
    if (!urls) return;
    const pointAt = mixed.pointAt / RATE;
    const [outSide, inSide] = take ? [take.outgoing, take.incoming] : [point.sound, point.present.incoming];
    this.#viewer.show({
      ...urls,
      pointAt,
      outOffset: (meeting.out_at - out.first) / RATE - pointAt,
      inOffset: incoming ? (meeting.in_at - incoming.first) / RATE - pointAt : 0,
      outPlate: outSide?.has_picture ? null : point.outgoing,
      inPlate: inSide?.has_picture ? null : (take?.name ?? point.incoming ?? ""),
    });
  }

  async #showMatrix(turn, point, take) {
    // A join can be judged without it.
    const matrix = await this.#source.matrix(point.number, take.rank).catch(() => null);
    if (!matrix || turn !== this.#turn || !this.#current) return;
    this.#current.matrix = matrix;
    this.redraw();
  }

  #fail(turn, words) {
    if (turn !== this.#turn) return;
    this.#current = null;
    this.#wantsPlay = false;
    this.#player.load({});
    this.#viewer.show(null);
    this.redraw();
    this.#tell({ status: "failed", words });
  }

  #draw() {
    const { waveform, spectrogram, matrix } = this.#at;
    const current = this.#current;
    for (const canvas of [waveform, spectrogram, matrix]) canvas.classList.toggle("empty", !current?.mixed);
    if (!current?.mixed) return;
    const { mixed, drawnMeeting: meeting, out } = current;
    const colours = coloursOf(waveform);
    const from = -mixed.pointAt / RATE;
    const scene = { out, in: current.in, meeting, from, to: from + mixed.length / RATE, colours };
    for (const lane of this.#lanes) lane.setData(scene);
    waveform.setAttribute("aria-label", describe(scene));
    matrix.classList.toggle("empty", !current.matrix);
    if (current.matrix) {
      const what = { ...current.matrix, meeting, colours };
      drawMatrix(matrix, what);
      matrix.setAttribute("aria-label", describeMatrix(what));
    }
    this.#showPosition();
  }

  #showPosition() {
    const mixed = this.#current?.mixed;
    const { time } = this.#at;
    if (!mixed) {
      time.textContent = "–.–– s";
      return;
    }
    const seconds = this.#player.position - mixed.pointAt / RATE;
    for (const lane of this.#lanes) lane.draw(seconds, this.#hover);
    time.textContent = `${seconds < 0 ? "−" : "+"}${Math.abs(seconds).toFixed(2)} s`;
  }

  #followPointer(canvas, lane) {
    const point = (event) => {
      const mixed = this.#current?.mixed;
      if (!mixed) return;
      this.#hover = lane.secondsAt(event.clientX - canvas.getBoundingClientRect().left);
      if (event.buttons === 1) this.#player.seek(Math.max(0, this.#hover + mixed.pointAt / RATE));
      else this.#showPosition();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      point(event);
    });
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerleave", () => {
      this.#hover = null;
      this.#showPosition();
    });
  }
}
