// The theme that was chosen last. Before the page is drawn, so that it does not flash; hence not deferred.
(() => {
  "use strict";
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser may forbid storage: it goes by the system then.
  }
  document.documentElement.classList.add("scripted");
})();
