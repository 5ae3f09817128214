/** Small pictures, asked for while they are looked at: a row that the keys run past asks for none. */
import { icon, make } from "./dom.js";

/** How long a place must have been seen. */
const SETTLED_MS = 120;

const boxes = new WeakMap();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) boxes.get(target)?.seen();
    else boxes.get(target)?.gone(); // scrolled away, or taken off the page
  }
});

/**
 * A frame, or the sign of sound where there is no picture.
 * @param {{frameUrl: (id: string, signal?: AbortSignal) => Promise<string | null>}} source
 * @param {string | null} id null: there is none
 */
export function thumbnail(source, id) {
  const box = make("span", { class: "thumb", "aria-hidden": "true" });
  if (!id) return asSound(box);
  let timer = 0;
  let asked = null;
  const ask = async () => {
    const asking = new AbortController();
    asked = asking;
    let url = null;
    try {
      url = await source.frameUrl(id, asking.signal);
    } catch (error) {
      // Left for the next time that it is seen, unless the server said that there is none.
      if (asking.signal.aborted || error.kind !== "refused") return;
    }
    watcher.unobserve(box);
    if (!url) {
      asSound(box);
      return;
    }
    const image = make("img", { alt: "", decoding: "async", draggable: "false" });
    image.addEventListener("error", () => asSound(box));
    image.src = url;
    box.replaceChildren(image);
  };
  boxes.set(box, {
    seen: () => {
      clearTimeout(timer);
      timer = setTimeout(ask, SETTLED_MS);
    },
    gone: () => {
      clearTimeout(timer);
      asked?.abort();
    },
  });
  watcher.observe(box);
  return box;
}

function asSound(box) {
  box.classList.add("sound-only");
  box.replaceChildren(icon("wave"));
  return box;
}
