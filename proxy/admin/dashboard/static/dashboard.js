// What every page has a little more of where scripts run: a choice of theme, reading anew, copying, asking back.
// A part of a page that is read anew has an id and the attribute data-fresh; focus, scrolling and what is folded out
// stay as they are.
(() => {
  "use strict";
  const root = document.documentElement;
  const say = (text) => {
    document.getElementById("live").textContent = text;
  };
  const keep = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      // A browser may forbid storage: the choice lasts for this page then.
    }
  };
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };

  // The theme
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toggle = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const named = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    document.dispatchEvent(new CustomEvent("dashboard:theme"));
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep("theme", root.dataset.theme);
    named();
  });
  dark.addEventListener("change", named);
  named();

  // Asking back, before what cannot be undone
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  // Copying
  for (const field of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        button.textContent = "Copied";
        say("Copied.");
      } catch {
        say("It is selected; copy it with the keyboard.");
      }
    });
    field.after(button);
  }

  // Reading anew
  const PATIENCE = 30000;
  const picker = document.querySelector("[data-refresh]");
  const parts = () => document.querySelectorAll("[data-fresh][id]");
  if (!picker || parts().length === 0) return;
  const select = picker.querySelector("select");
  let timer = 0;
  let reading = false;
  const stale = document.querySelector("[data-stale]");
  let last = Date.now();

  const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";
  const replace = (old, newer) => {
    if (old.innerHTML === newer.innerHTML) return;
    const places = [...old.querySelectorAll(focusable)];
    const focused = places.indexOf(document.activeElement);
    const open = [...old.querySelectorAll("details")].map((each) => each.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
    old.replaceChildren(...newer.cloneNode(true).childNodes);
    old.querySelectorAll("details").forEach((each, at) => {
      if (at < open.length) each.open = open[at];
    });
    old.querySelectorAll(".scroll").forEach((each, at) => {
      if (at < scrolled.length) [each.scrollLeft, each.scrollTop] = scrolled[at];
    });
    if (focused >= 0) old.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
  };

  // A selection or a form that is being filled in is not taken away.
  const busy = (part) =>
    (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) ||
    (!getSelection().isCollapsed && getSelection().containsNode(part, true));

  // What is shown is of an earlier moment: seen beside the picker, and said once.
  const outdated = (why) => {
    if (stale.hidden) say(`${why} The figures are those of before.`);
    stale.textContent = `${why} As of ${new Date(last).toLocaleTimeString("sv-SE")}.`;
    stale.hidden = false;
  };

  const read = async () => {
    if (document.hidden || reading) return;
    reading = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.redirected) {
        location.reload();
        return;
      }
      const newer = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok) {
        outdated(newer.querySelector(".said.bad p")?.textContent || `The proxy answers with ${answer.status}.`);
        return;
      }
      const ids = (page) => [...page.querySelectorAll("[data-fresh][id]")].map((each) => each.id).join();
      if (ids(newer) !== ids(document)) {
        location.reload(); // there is more or less to see than before: the first request, for instance
        return;
      }
      for (const part of parts()) {
        const found = newer.getElementById(part.id);
        if (found && !busy(part)) replace(part, found);
      }
      document.dispatchEvent(new CustomEvent("dashboard:fresh", { detail: newer }));
      last = Date.now();
      root.dataset.read = String(Number(root.dataset.read || 0) + 1);
      if (!stale.hidden) say("The figures are current again.");
      stale.hidden = true;
    } catch {
      outdated("The proxy does not answer.");
    } finally {
      reading = false;
    }
  };

  const start = () => {
    clearInterval(timer);
    const every = Number(select.value) * 1000;
    if (every) timer = setInterval(read, every);
  };
  picker.hidden = false;
  const chosen = kept("refresh");
  if (["0", "5", "30"].includes(chosen)) select.value = chosen;
  select.addEventListener("change", () => {
    keep("refresh", select.value);
    start();
    if (select.value !== "0") read();
  });
  document.addEventListener("visibilitychange", () => {
    const every = Number(select.value) * 1000;
    if (!document.hidden && every && Date.now() - last >= every) read();
  });
  start();
})();
