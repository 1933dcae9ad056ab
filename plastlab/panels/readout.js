// What a chart says at one place along x: under the mouse, or where the arrow keys have moved to.
// chart.py puts this file behind chart.js.

const APART = 1; // pixels: what lies closer along x is one place
const HINT = "Left and right arrow: values. Escape: leave.";
const JUMPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

// the y values of a mark at x, as a list
const read = {
  Line(mark, x, at) {
    const xs = numbers(mark.x), ys = numbers(mark.y), found = [];
    for (let i = 0; i < xs.length; i++)
      if (xs[i] === x) found.push(ys[i]);
      else if (i && (xs[i - 1] - x) * (xs[i] - x) < 0) found.push(at.y.back(crossing(xs, ys, i, x, at)));
    return found;
  },
  Dots(mark, x, at) {
    const ys = numbers(mark.y), xs = numbers(mark.x);
    return ys.filter((_, i) => Math.abs(at.x(xs[i]) - at.x(x)) < APART);
  },
  Band(mark, x, at) {
    return ["low", "high"].flatMap((edge) => read.Line({ x: mark.x, y: mark[edge] }, x, at));
  },
  Bars(mark, x) {
    return numbers(mark.y).filter((_, i) => Math.abs(numbers(mark.x)[i] - x) < mark.width / 2);
  },
};

// the pixel at which the piece of a line that ends at point i passes x
function crossing(xs, ys, i, x, at) {
  const from = at.x(xs[i - 1]), share = (at.x(x) - from) / (at.x(xs[i]) - from);
  return (1 - share) * at.y(ys[i - 1]) + share * at.y(ys[i]);
}

// where along x the chart has something to say, from left to right
function places(chart, at) {
  const rows = chart.marks.filter((mark) => mark.kind in read).map((mark) => numbers(mark.x));
  const inside = (x) => x >= chart.x.low && x <= chart.x.high;
  const found = [];
  let last = -Infinity;
  for (const x of Float32Array.from(rows.flatMap((row) => [...row].filter(inside))).sort()) {
    if (at.x(x) - last < APART) continue;
    found.push(x);
    last = at.x(x);
  }
  return found;
}

// one entry a label: of marks that share one, thick lines speak for thin ones, and lines for bands
function valuesAt(chart, x, at) {
  const groups = new Map();
  for (const mark of chart.marks.filter((mark) => mark.kind in read)) {
    const rank = mark.kind === "Band" ? 2 : mark.thin ? 1 : 0;
    const values = [...read[mark.kind](mark, x, at)].filter(Number.isFinite);
    const before = groups.get(mark.label);
    if (!values.length || before?.rank < rank) continue;
    const together = before?.rank === rank ? before.values.concat(values) : values;
    groups.set(mark.label, { rank, color: mark.color, values: together });
  }
  return groups;
}

// all digits of a whole number, else four
function figure(value) {
  const size = Math.abs(value), whole = Number.isInteger(value) || size >= 1000;
  if (size >= 1e9 || (size && size < 1e-4)) return value.toExponential(2);
  return whole ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

function wordsAt(chart, x, groups) {
  const named = chart.marks.some((mark) => mark.kind === "Bars") && chart.x.ticks.find(([tick]) => tick === x);
  const said = [...groups].map(([label, { values }]) => {
    const [low, high] = [Math.min(...values), Math.max(...values)].map(figure);
    return `${label || chart.y.label} ${low === high ? low : `${low} to ${high}`}`.trim();
  });
  return `${chart.x.label} ${named ? named[1] : figure(x)}: ${said.join(", ") || "nothing"}`.trim();
}

// a line at x, and a dot on each mark that has one value there
function drawPlace(pen, x, groups, at) {
  const across = at.x(x);
  pen.save();
  pen.fillStyle = at.ink;
  pen.fillRect(Math.round(across), at.top - 4, 1, at.bottom - at.top + 8);
  for (const { color, values } of groups.values()) {
    if (Math.min(...values) !== Math.max(...values)) continue;
    pen.beginPath();
    pen.arc(across, at.y(values[0]), DOT + 1, 0, 2 * Math.PI);
    pen.fillStyle = color;
    pen.strokeStyle = at.back;
    pen.lineWidth = 2;
    pen.stroke();
    pen.fill();
  }
  pen.restore();
}

// Makes the canvas readable. Returns what draws the chart, and over it the place that is read.
function reader(canvas, parent) {
  const shown = make("div", "plastlab-readout", parent), said = make("div", "plastlab-said", parent);
  shown.setAttribute("aria-hidden", "true"); // it changes while a network trains; `said` does not
  said.setAttribute("aria-live", "polite");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application"); // so that screen readers leave the arrow keys to us
  canvas.setAttribute("aria-roledescription", "chart");
  let chart = null, at = null, here = null; // `here` in the units of x

  function draw(next) {
    chart = next;
    at = drawChart(canvas, chart);
    shown.style.background = at.back;
    if (here === null) return;
    const groups = valuesAt(chart, here, at);
    drawPlace(canvas.getContext("2d"), here, groups, at);
    shown.textContent = wordsAt(chart, here, groups);
  }
  function move(x, aloud) {
    if (chart === null || x === undefined) return;
    here = x;
    draw(chart);
    said.textContent = aloud ? shown.textContent : "";
  }
  function leave() {
    here = null;
    shown.textContent = said.textContent = "";
    if (chart) draw(chart);
  }
  function step(jump) {
    const all = places(chart, at), past = all.findIndex((x) => x >= here);
    const from = here === null ? (jump > 0 ? -1 : all.length) : past < 0 ? all.length - 1 : past;
    move(all[Math.max(0, Math.min(all.length - 1, from + jump))], true);
  }
  function nearest(event) {
    const pixel = event.clientX - canvas.getBoundingClientRect().left;
    const away = (x) => Math.abs(at.x(x) - pixel);
    return places(chart, at).sort((a, b) => away(a) - away(b))[0];
  }

  canvas.addEventListener("pointermove", (event) => chart && move(nearest(event), false));
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("blur", leave);
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) shown.textContent = said.textContent = HINT;
  });
  canvas.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (!plain || !chart || !(event.key in JUMPS || event.key === "Escape")) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would move to another cell
    if (event.key === "Escape") leave();
    else step(JUMPS[event.key]);
  });
  return draw;
}
