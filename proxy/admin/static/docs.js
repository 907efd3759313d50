// The page is whole without this: it only adds a field that hides what does not match.
const box = document.querySelector("#search");
const entries = [...document.querySelectorAll("nav li")].map((line) => ({
  line,
  words: line.dataset.words,
  section: document.getElementById(line.querySelector("a").hash.slice(1)),
}));
box.hidden = false;
box.querySelector("input").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const { line, words, section } of entries) {
    line.hidden = section.hidden = !words.includes(wanted);
  }
});
