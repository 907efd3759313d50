// The charts of the overview, drawn by Chart.js from the block of JSON beside each. Colours are those of the style
// sheet, so that both themes have theirs; what tells lines apart besides colour is how they are dashed.
(() => {
  "use strict";
  const drawn = new Map();
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3], []];
  const style = () => getComputedStyle(document.documentElement);
  const of = (sheet, name) => sheet.getPropertyValue(name).trim();

  const number = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const whole = new Intl.NumberFormat("en");
  const dollars = (value, short) =>
    "$" + value.toLocaleString("en", value >= 1 || value === 0
      ? { minimumFractionDigits: short ? 0 : 2, maximumFractionDigits: 2 }
      : { maximumSignificantDigits: 3 });
  const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${Number(value.toPrecision(3))} s`);
  const texts = {
    number: (value, short) => (short ? number : whole).format(value),
    dollars,
    seconds,
  };

  const read = (root, name) => JSON.parse(root.getElementById(`data-${name}`).textContent);

  const sets = (data, sheet) =>
    data.lines.map((line, at) => {
      const colour = of(sheet, `--c${line.colour}`);
      const bar = data.form === "bar";
      return {
        label: line.name,
        data: line.values,
        borderColor: bar ? of(sheet, "--card") : colour,
        backgroundColor: colour,
        borderWidth: bar ? { top: data.lines.length > 1 ? 1 : 0 } : 2,
        borderDash: bar ? [] : dashes[at],
        pointRadius: line.values.filter((value) => value !== null).length < 40 ? 2 : 0,
        pointHitRadius: 8,
        spanGaps: false,
        tension: 0,
        barPercentage: 0.95,
        categoryPercentage: 0.9,
      };
    });

  const options = (data, sheet) => {
    const soft = of(sheet, "--soft");
    const bar = data.form === "bar";
    const text = texts[data.unit];
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          stacked: bar,
          grid: { display: false },
          border: { color: of(sheet, "--strong-line") },
          ticks: { color: soft, maxRotation: 0, autoSkipPadding: 16 },
        },
        y: {
          stacked: bar,
          beginAtZero: true,
          border: { display: false },
          grid: { color: of(sheet, "--grid") },
          ticks: { color: soft, maxTicksLimit: 6, precision: data.unit === "number" ? 0 : undefined, callback: (value) => text(value, true) },
        },
      },
      plugins: {
        legend: {
          display: data.lines.length > 1,
          position: "bottom",
          align: "start",
          labels: { color: of(sheet, "--text"), boxWidth: bar ? 12 : 28, boxHeight: bar ? 12 : 0, padding: 12 },
        },
        tooltip: {
          callbacks: { label: (item) => ` ${item.dataset.label}: ${text(item.raw, false)}` },
        },
      },
    };
  };

  const draw = (canvas) => {
    const name = canvas.dataset.chart;
    const data = read(document, name);
    const sheet = style();
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    const chart = drawn.get(name);
    if (chart) {
      chart.data = { labels: data.labels, datasets: sets(data, sheet) };
      chart.options = options(data, sheet);
      chart.update("none");
      return;
    }
    drawn.set(name, new Chart(canvas, {
      type: data.form,
      data: { labels: data.labels, datasets: sets(data, sheet) },
      options: options(data, sheet),
    }));
  };

  const all = () => document.querySelectorAll("canvas[data-chart]").forEach(draw);

  document.addEventListener("dashboard:theme", all);
  document.addEventListener("dashboard:fresh", (event) => {
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
      const newer = event.detail.getElementById(canvas.id);
      const data = event.detail.getElementById(`data-${canvas.dataset.chart}`);
      if (!newer || !data) continue;
      canvas.setAttribute("aria-label", newer.getAttribute("aria-label"));
      document.getElementById(`data-${canvas.dataset.chart}`).textContent = data.textContent;
      draw(canvas);
    }
  });
  all();
})();
