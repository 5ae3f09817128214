// Plays the versions of a join in step and lets one of them be heard: switching keeps the position and leaves no gap.
//
//   version A -> 1 or 0 \
//   version B -> 0 or 1  > deck's gate -> output -> meter -> loudspeaker
//   version C -> 0 or 1 /
//
// A deck is one start of all versions. Pausing, seeking and taking other sounds end one deck; the next one begins as it
// goes. Whatever changes is scheduled a little ahead of the clock, as ramps whose sum is one: two versions that are equal
// there sound as if nothing had happened.

import { RATE } from "./rational.js";

/** Seconds in which one version takes over from another. */
const SWITCH = 0.008;
/** Seconds in which a deck comes or goes. */
const OVERLAP = 0.005;
/** Seconds ahead of the clock for which a change is scheduled, at least: what is past takes effect with a jump. */
const LEAD = 0.005;

/**
 * Plays versions of one sound; positions and lengths are in seconds.
 *
 * Events: "state" (it plays or pauses, another version or other sounds, the context's state), "position" (every frame
 * while it plays, and after a seek), "ended".
 */
export class Player extends EventTarget {
  #makeContext;
  #context = null;
  #output = null;
  #meter = null;
  #versions = new Map();
  #wish = "C";
  #deck = null;
  #resting = 0;
  #framing = false;

  /** @param {function(): BaseAudioContext} [makeContext] called once, on the first `wake` or `play` */
  constructor(makeContext = () => new AudioContext({ sampleRate: RATE, latencyHint: "interactive" })) {
    super();
    this.#makeContext = makeContext;
  }

  /**
   * Take other sounds. While it plays they take over at the same position: a nudge is heard at once.
   *
   * @param {Object<string, {channels: Float32Array[], gain: number}>} sounds versions by name, equally long, at 48 kHz, or
   *   what `mix` or `plain` returns. The version that was chosen last is heard if it is among them, otherwise the last.
   */
  load(sounds) {
    const versions = Object.entries(sounds).filter(([, sound]) => sound?.channels);
    this.#versions = new Map();
    for (const [name, { channels, gain }] of versions) this.#versions.set(name, { buffer: bufferOf(channels), gain });
    if (this.#versions.size === 0) this.pause();
    this.#resting = this.#within(this.#resting);
    if (this.#deck) {
      const at = this.#soon();
      this.#begin(this.#deck.positionAt(at), at, true);
    }
    this.#tell("state");
  }

  /**
   * Play on; or from a position; or from the beginning where the end was reached.
   *
   * @param {number} [position]
   */
  play(position) {
    if (this.#versions.size === 0) return;
    this.wake();
    if (this.#deck && position === undefined) return;
    const wanted = position ?? this.position;
    this.#begin(wanted < this.duration ? wanted : 0);
    this.#tell("state");
    this.#everyFrame();
  }

  pause() {
    if (!this.#deck) return;
    this.#resting = this.position;
    this.#deck.end(this.#soon());
    this.#deck = null;
    this.#tell("state");
  }

  /** Pause, or play on. Where the browser or the system has silenced the page, ask for the sound back instead. */
  toggle() {
    if (this.playing && this.#context.state === "running") this.pause();
    else this.play();
  }

  /** @param {number} position */
  seek(position) {
    if (this.#deck) this.#begin(position);
    else this.#resting = this.#within(position);
    this.#tell("position");
  }

  /** Let another version be heard, and kept to as sounds are loaded. @param {string} name */
  choose(name) {
    const before = this.chosen;
    this.#wish = name;
    if (this.chosen === before) return;
    this.#deck?.switchTo(this.chosen, this.#soon());
    this.#tell("state");
  }

  /** Make the context, or ask for its sound back; browsers allow that in an input event only. */
  wake() {
    if (!this.#context) {
      this.#context = this.#makeContext();
      this.#context.addEventListener("statechange", () => this.#tell("state"));
      this.#output = new GainNode(this.#context);
      this.#meter = new AnalyserNode(this.#context, { fftSize: 2048 });
      this.#output.connect(this.#meter).connect(this.#context.destination);
    }
    // Refused outside an input event; the event "state" tells when it runs.
    if (!["running", "closed"].includes(this.#context.state)) this.#context.resume().catch(() => {});
  }

  /** What is heard now: where the sound is that left the page, less its way to the loudspeaker. */
  get position() {
    if (!this.#deck) return this.#resting;
    return this.#within(this.#deck.heardAt(this.#context.currentTime - (this.#context.outputLatency || 0)));
  }

  get playing() {
    return this.#deck !== null;
  }

  /** Name of the version that is heard: the last that was chosen, "C" at first, where there is such a one. */
  get chosen() {
    return this.#versions.has(this.#wish) ? this.#wish : ([...this.#versions.keys()].at(-1) ?? this.#wish);
  }

  get duration() {
    return this.#versions.values().next().value?.buffer.duration ?? 0;
  }

  /** The AudioContext; null before the first `wake` or `play`. */
  get context() {
    return this.#context;
  }

  /** The node that all sound goes through; null before the first `wake` or `play`. */
  get output() {
    return this.#output;
  }

  /**
   * Level of what left the player in the last 43 ms.
   *
   * @returns {{rms: number, peak: number}} linear, 1 is full scale
   */
  level() {
    if (!this.#meter) return { rms: 0, peak: 0 };
    const samples = new Float32Array(this.#meter.fftSize);
    this.#meter.getFloatTimeDomainData(samples);
    let sum = 0;
    let peak = 0;
    for (const sample of samples) {
      sum += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    return { rms: Math.sqrt(sum / samples.length), peak };
  }

  #begin(position, at = this.#soon(), goesOn = false) {
    const old = this.#deck;
    const deck = new Deck(this.#output, this.#versions, this.chosen, this.#within(position), at, goesOn);
    this.#deck = deck;
    old?.end(at);
    deck.whenOver(() => {
      if (deck !== this.#deck) return;
      this.#deck = null;
      this.#resting = this.duration;
      for (const type of ["position", "state", "ended"]) this.#tell(type);
    });
  }

  // A whole sample of the clock: between two samples the browser would interpolate.
  #soon() {
    const lead = Math.max(LEAD, this.#context.baseLatency || 0);
    return Math.ceil((this.#context.currentTime + lead) * RATE) / RATE;
  }

  #within(position) {
    return Math.min(Math.max(0, position), this.duration);
  }

  #everyFrame() {
    if (this.#framing) return;
    const frame = () => {
      this.#framing = this.playing;
      if (!this.playing) return;
      this.#tell("position");
      requestAnimationFrame(frame);
    };
    this.#framing = true;
    requestAnimationFrame(frame);
  }

  #tell(type) {
    this.dispatchEvent(new Event(type));
  }
}

/** One start of all versions, of which one is heard. */
class Deck {
  #gate;
  #sources = [];
  #gains = new Map();
  #heard;
  #settled;
  #startedAt;
  #offset;
  #earliest;

  /**
   * @param {AudioNode} output
   * @param {Map<string, {buffer: AudioBuffer, gain: number}>} versions
   * @param {string} name of the one that is heard
   * @param {number} position seconds into the sounds
   * @param {number} at time of the context's clock at which it starts
   * @param {boolean} goesOn whether the deck before it was at the same position then
   */
  constructor(output, versions, name, position, at, goesOn) {
    const { context } = output;
    this.#startedAt = at;
    this.#settled = at;
    this.#offset = Math.round(position * RATE) / RATE;
    this.#earliest = goesOn ? -Infinity : 0;
    this.#heard = name;
    this.#gate = new GainNode(context, { gain: 0 });
    this.#gate.connect(output);
    ramp(this.#gate.gain, 0, 1, at, OVERLAP);
    for (const [version, { buffer, gain: level }] of versions) {
      const source = new AudioBufferSourceNode(context, { buffer });
      const gain = new GainNode(context, { gain: version === name ? level : 0 });
      source.connect(gain).connect(this.#gate);
      source.start(at, this.#offset);
      this.#sources.push(source);
      this.#gains.set(version, { param: gain.gain, level });
    }
    this.#sources[0].addEventListener("ended", () => this.#gate.disconnect());
  }

  /** Called when the sounds are at their end, or the deck was ended. */
  whenOver(act) {
    this.#sources[0].addEventListener("ended", act);
  }

  /** Position in the sounds at a time of the clock. */
  positionAt(time) {
    return this.#offset + time - this.#startedAt;
  }

  /** The same, but not before the place where it started. */
  heardAt(time) {
    return this.#offset + Math.max(this.#earliest, time - this.#startedAt);
  }

  switchTo(name, at) {
    // One switch waits for the one before it: half a ramp could not be turned round without a jump.
    const from = Math.max(at, this.#settled);
    const going = this.#gains.get(this.#heard);
    const coming = this.#gains.get(name);
    ramp(going.param, going.level, 0, from, SWITCH);
    ramp(coming.param, 0, coming.level, from, SWITCH);
    this.#settled = from + SWITCH;
    this.#heard = name;
  }

  end(at) {
    if (at <= this.#startedAt) {
      for (const source of this.#sources) source.stop();
      this.#gate.disconnect();
      return;
    }
    const from = Math.max(at, this.#startedAt + OVERLAP);
    ramp(this.#gate.gain, 1, 0, from, OVERLAP);
    for (const source of this.#sources) source.stop(from + OVERLAP);
  }
}

function ramp(param, from, to, at, seconds) {
  param.setValueAtTime(from, at);
  param.linearRampToValueAtTime(to, at + seconds);
}

function bufferOf(channels) {
  const buffer = new AudioBuffer({
    length: Math.max(1, channels[0].length),
    numberOfChannels: channels.length,
    sampleRate: RATE,
  });
  channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
  return buffer;
}
