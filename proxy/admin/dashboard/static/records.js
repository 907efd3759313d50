// What makes the pages of requests and keys handier. They are whole without it.
(() => {
  "use strict";
  const live = document.getElementById("live");

  // Moments as the clock on the wall has them. In the markup they are UTC, and a pointer that rests on one is told so.
  function localise() {
    for (const each of document.querySelectorAll("time[datetime]")) {
      if (each.title) continue;
      each.title = `${each.textContent} UTC`;
      each.textContent = new Date(each.dateTime).toLocaleString("sv-SE"); // 2027-01-15 09:00:00
    }
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && zone !== "UTC") {
    document.getElementById("zone").textContent = `Times are those of ${zone}; ranges are UTC.`;
    localise();
    document.addEventListener("dashboard:fresh", localise);
  }

  async function copy(source) {
    const text = source.value ?? source.textContent;
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        // Not allowed here: the old way.
      }
    }
    const range = document.createRange();
    range.selectNodeContents(source);
    const selected = getSelection();
    selected.removeAllRanges();
    if (source.select) source.select();
    else selected.addRange(range);
    return document.execCommand("copy");
  }

  for (const button of document.querySelectorAll("[data-copies]")) {
    const word = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(document.getElementById(button.dataset.copies));
      button.textContent = done ? "Copied" : "Select and copy it";
      if (live) live.textContent = button.textContent;
      setTimeout(() => { button.textContent = word; }, 2000);
    });
  }

  // A form that makes a key is sent once, however often its button is pressed.
  for (const form of document.querySelectorAll("form.sheet")) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    addEventListener("pageshow", () => { sent = false; });
  }
})();
