/** Small pictures that are asked for only once they are about to be seen. */
import { icon, make } from "./dom.js";

const waiting = new WeakMap();
const watcher = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      waiting.get(entry.target)?.();
      waiting.delete(entry.target);
    }
  },
  { rootMargin: "200px" },
);

/**
 * A frame, or the sign of sound where there is no picture.
 * @param {{frameUrl: (id: string) => Promise<string | null>}} source
 * @param {string | null} id null: there is none
 */
export function thumbnail(source, id) {
  const box = make("span", { class: "thumb", "aria-hidden": "true" });
  if (!id) return asSound(box);
  waiting.set(box, async () => {
    const url = await source.frameUrl(id).catch(() => null);
    if (!url) return asSound(box);
    const image = make("img", { alt: "", decoding: "async", draggable: "false" });
    image.addEventListener("error", () => asSound(box));
    image.src = url;
    box.replaceChildren(image);
  });
  watcher.observe(box);
  return box;
}

function asSound(box) {
  box.classList.add("sound-only");
  box.replaceChildren(icon("wave"));
  return box;
}
