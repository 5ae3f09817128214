// The picture of a join: the outgoing shot's video until the point, the incoming one's from it, led by the Player.
// The sound is the clock: pictures are moved to it, never the other way, and always at their own speed.

/** Seconds that a picture may be off before it is moved, and for which it is left alone then: a seek takes its time. */
const DRIFT = 0.08;
const PATIENCE = 0.4;
/** Seconds into a frame at which it is asked for, so that rounding does not give the one before it. */
const INSIDE = 0.002;

/**
 * Two muted videos in one place, of which one is shown; a still stands in for one that is not there yet, and a plate
 * with its name for a side that has no picture.
 */
export class Viewer {
  #sides;
  #player = null;
  #point = 0;
  #led = () => this.#lead();

  /**
   * @param {HTMLVideoElement} videoOut
   * @param {HTMLVideoElement} videoIn
   * @param {HTMLImageElement} stillOut
   * @param {HTMLImageElement} stillIn
   * @param {{out?: HTMLElement, in?: HTMLElement}} [plates] each with an element of class "name"
   */
  constructor(videoOut, videoIn, stillOut, stillIn, plates = {}) {
    this.#sides = {
      out: new Side(videoOut, stillOut, plates.out, this.#led),
      in: new Side(videoIn, stillIn, plates.in, this.#led),
    };
  }

  /** Follow a player's position. @param {?EventTarget & {position: number, playing: boolean}} player */
  follow(player) {
    for (const type of ["position", "state", "ended"]) {
      this.#player?.removeEventListener(type, this.#led);
      player?.addEventListener(type, this.#led);
    }
    this.#player = player;
    this.#lead();
  }

  /**
   * Show a join; called again as addresses come in, or as the join is nudged: a video that is there already stays.
   *
   * @param {?{outUrl?: ?string, inUrl?: ?string, outStill?: ?string, inStill?: ?string, pointAt: number,
   *   outOffset: number, inOffset: number, outPlate?: ?string, inPlate?: ?string}} join addresses of videos and stills; `pointAt`, the point in seconds of the
   *   player; the offsets, what is added to the player's position for that of each video (time 0 of which is its
   *   segment's first sample); the plates, what a side without a picture is called. Null shows nothing.
   */
  show(join) {
    const { outUrl, inUrl, outStill, inStill, pointAt = 0, outOffset = 0, inOffset = 0 } = join ?? {};
    const { outPlate, inPlate } = join ?? {};
    this.#point = pointAt;
    this.#sides.out.take(outUrl ?? null, outStill ?? null, outOffset + pointAt, outPlate ?? null);
    this.#sides.in.take(inUrl ?? null, inStill ?? null, inOffset + pointAt, inPlate ?? null);
    this.#lead();
  }

  #lead() {
    const player = this.#player;
    if (!player) return;
    const after = player.position - this.#point;
    const coming = after >= 0;
    // A video has its pictures from its first to its last; what plays on one side is held on the other.
    this.#sides.out.lead(Math.min(after, -INSIDE), player.playing && !coming, !coming);
    this.#sides.in.lead(Math.max(after, 0) + INSIDE, player.playing && coming, coming);
  }
}

class Side {
  #video;
  #still;
  #plate;
  #named = false;
  #at = 0;
  #movedAt = -Infinity;

  constructor(video, still, plate, changed) {
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
    for (const type of ["loadeddata", "emptied", "error", "seeked"]) video.addEventListener(type, changed);
    this.#video = video;
    this.#still = still;
    this.#plate = plate ?? null;
  }

  take(url, stillUrl, at, name) {
    this.#named = name !== null;
    const text = this.#plate?.querySelector(".name");
    if (text) text.textContent = name ?? "";
    setSource(this.#still, stillUrl);
    if (setSource(this.#video, url)) this.#video.load();
    this.#at = at;
    this.#movedAt = -Infinity;
  }

  /** `after` the point in seconds; whether it runs, and whether it is the side that is shown. */
  lead(after, runs, shown) {
    const video = this.#video;
    const ready = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !video.error;
    show(video, shown && ready);
    show(this.#still, shown && !ready && this.#still.hasAttribute("src"));
    if (this.#plate) show(this.#plate, shown && this.#named);
    if (video.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const wanted = Math.min(Math.max(0, this.#at + after), video.duration || 0);
    if (runs && video.paused && !video.ended) video.play().catch(() => {});
    if (!runs && !video.paused) video.pause();
    const off = Math.abs(video.currentTime - wanted);
    const now = performance.now() / 1000;
    const patient = runs && now - this.#movedAt < PATIENCE;
    if (video.seeking || patient || off <= (runs ? DRIFT : INSIDE / 2)) return;
    video.currentTime = wanted;
    this.#movedAt = now;
  }
}

function setSource(element, url) {
  if (url === element.getAttribute("src")) return false;
  if (url) element.setAttribute("src", url);
  else element.removeAttribute("src");
  return true;
}

// Not `hidden`: a browser may stop decoding what has no box.
function show(element, shown) {
  element.style.visibility = shown ? "visible" : "hidden";
}
