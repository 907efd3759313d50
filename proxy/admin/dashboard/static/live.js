// What is going on now, asked for every other second while the page is seen. Tokens per second are those that were
// counted within the last half minute.
(() => {
  "use strict";
  const box = document.querySelector("[data-live]");
  if (!box) return;
  const EVERY = 2000;
  const WINDOW = 30;
  const PATIENCE = 10000;
  const UNKNOWN = "\u2013";
  let seen = [];
  let asking = false;

  const show = (name, text) => {
    const place = box.querySelector(`[data-number="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  };

  const pace = () => {
    const last = seen[seen.length - 1];
    const first = seen[0];
    if (last.at <= first.at) return UNKNOWN;
    const value = Math.max(0, last.tokens - first.tokens) / (last.at - first.at);
    return value >= 10 || value === 0 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
  };

  const ask = async () => {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch(box.dataset.live, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.status === 401) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      const tokens = found.input + found.output;
      const last = seen[seen.length - 1];
      if (last && tokens < last.tokens) seen = [];
      seen.push({ at: found.at, tokens });
      seen = seen.filter((each) => each.at >= found.at - WINDOW);
      box.hidden = false;
      box.classList.add("on");
      show("requests", found.requests === null ? "" : found.requests.toLocaleString("en"));
      show("streams", found.streams === null ? "" : found.streams.toLocaleString("en"));
      show("pace", pace());
    } catch {
      box.classList.remove("on");
      box.querySelectorAll("[data-number]").forEach((place) => { place.textContent = UNKNOWN; });
      seen = [];
    } finally {
      asking = false;
    }
  };

  ask();
  setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      seen = [];
      ask();
    }
  });
})();
