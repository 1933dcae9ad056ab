// Draws the charts that chart.py packs: one canvas each, in the colours and fonts of the page.
// Limits, ticks, colours and words come ready-made; this file turns them into pixels.
// chart.py puts colors.js and readout.js behind it; the three are one module.

const DOT = 3.5; // radius
const ROOM = { top: 26, right: 16, bottom: 40, left: 44 };

function make(tag, className, parent) {
  const node = document.createElement(tag);
  node.className = className;
  parent.append(node);
  return node;
}

function numbers(view) {
  return new Float32Array(view.buffer, view.byteOffset, view.byteLength / 4);
}

// value -> pixel, for an axis whose two ends stand at the pixels `from` and `to`; `back` returns
function scale(axis, from, to) {
  const place = axis.log ? Math.log10 : Number;
  const low = place(axis.low);
  const perUnit = (to - from) / (place(axis.high) - low);
  const pixel = (value) => from + (place(value) - low) * perUnit;
  const value = (at) => low + (at - from) / perUnit;
  pixel.back = (at) => (axis.log ? 10 ** value(at) : value(at));
  return pixel;
}

// Strokes the path in the page's colour, wider than the line that follows, so that it stands out.
function outline(pen, at) {
  pen.save();
  pen.setLineDash([]);
  pen.strokeStyle = at.back;
  pen.lineWidth = 4.5;
  pen.stroke();
  pen.restore();
}

const draw = {
  Line(pen, mark, at) {
    const x = numbers(mark.x), y = numbers(mark.y);
    if (mark.thin) pen.strokeStyle = at.faint(mark.color);
    pen.setLineDash(mark.thin ? [] : mark.dash);
    pen.beginPath();
    let down = false;
    for (let i = 0; i < x.length; i++) {
      const px = at.x(x[i]), py = at.y(y[i]);
      const drawn = Number.isFinite(px) && Number.isFinite(py);
      if (drawn && down) pen.lineTo(px, py);
      else if (drawn) {
        pen.moveTo(px, py);
        pen.lineTo(px + 0.01, py); // a point that stands alone is seen too
      }
      down = drawn;
    }
    if (!mark.thin) outline(pen, at);
    pen.lineWidth = mark.thin ? 1.25 : 2.25;
    pen.stroke();
  },
  Dots(pen, mark, at) {
    const x = numbers(mark.x), y = numbers(mark.y);
    pen.globalAlpha = 0.85;
    for (let i = 0; i < x.length; i++) {
      const px = at.x(x[i]), py = at.y(y[i]);
      pen.beginPath();
      if (mark.shape.length) for (const [a, b] of mark.shape) pen.lineTo(px + DOT * a, py - DOT * b);
      else pen.arc(px, py, DOT, 0, 2 * Math.PI);
      pen.fill();
    }
  },
  Band(pen, mark, at) {
    const x = numbers(mark.x), low = numbers(mark.low), high = numbers(mark.high);
    pen.globalAlpha = 0.25;
    pen.beginPath();
    for (let i = 0; i < x.length; i++) pen.lineTo(at.x(x[i]), at.y(high[i]));
    for (let i = x.length - 1; i >= 0; i--) pen.lineTo(at.x(x[i]), at.y(low[i]));
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = at.faint(mark.color);
    pen.closePath();
    pen.stroke();
  },
  Bars(pen, mark, at) {
    const x = numbers(mark.x), y = numbers(mark.y), floor = at.y(Math.max(0, at.low));
    for (let i = 0; i < x.length; i++) {
      const left = at.x(x[i] - mark.width / 2), right = at.x(x[i] + mark.width / 2);
      pen.fillRect(left, at.y(y[i]), right - left, floor - at.y(y[i]));
    }
  },
  Rule(pen, mark, at) {
    const upright = mark.y === null;
    const place = upright ? at.x(mark.x) : at.y(mark.y);
    pen.lineWidth = 1.5;
    pen.setLineDash(mark.dash);
    pen.beginPath();
    pen.moveTo(upright ? place : at.left, upright ? at.bottom : place);
    pen.lineTo(upright ? place : at.right, upright ? at.top : place);
    pen.stroke();
    pen.fillStyle = at.ink;
    pen.textAlign = upright ? "left" : "right";
    pen.fillText(mark.label, upright ? place + 5 : at.right - 4, upright ? at.top + 8 : place - 9);
  },
};

function drawAxes(pen, chart, at) {
  pen.fillStyle = at.ink;
  for (const [value, text] of chart.y.ticks) {
    const y = Math.round(at.y(value));
    pen.globalAlpha = 0.18;
    pen.fillRect(at.left, y, at.right - at.left, 1);
    pen.globalAlpha = 1;
    pen.textAlign = "right";
    pen.fillText(text, at.left - 8, y);
  }
  pen.textAlign = "center";
  let free = -Infinity; // the pixel from which on there is room for the next text
  for (const [value, text] of chart.x.ticks) {
    const x = Math.round(at.x(value)), half = pen.measureText(text).width / 2;
    pen.fillRect(x, at.bottom, 1, 4);
    if (x - half > free) pen.fillText(text, Math.min(x, at.width - half), at.bottom + 13);
    if (x - half > free) free = x + half + 6;
  }
  pen.fillRect(at.left, at.bottom, at.right - at.left, 1);
  pen.fillText(chart.x.label, (at.left + at.right) / 2, at.bottom + 31);
  pen.textAlign = "left";
  pen.fillText(chart.y.label, 0, 9);
}

function drawChart(canvas, chart) {
  const style = getComputedStyle(canvas), density = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const pixels = [width, height].map((length) => Math.round(length * density));
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const pen = canvas.getContext("2d");
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  pen.textBaseline = "middle";
  pen.lineJoin = pen.lineCap = "round";
  const widest = Math.max(0, ...chart.y.ticks.map(([, text]) => pen.measureText(text).width));
  const at = { left: Math.max(ROOM.left, widest + 12), right: width - ROOM.right, top: ROOM.top };
  Object.assign(at, { width, bottom: height - ROOM.bottom, ink: style.color, low: chart.y.low });
  const back = colorBehind(canvas);
  Object.assign(at, { back: `rgb(${back})`, faint: (color) => faint(color, back) });
  at.x = scale(chart.x, at.left, at.right);
  at.y = scale(chart.y, at.bottom, at.top);
  drawAxes(pen, chart, at);
  pen.save();
  pen.beginPath();
  pen.rect(at.left - 3, at.top - 12, at.right - at.left + 6, at.bottom - at.top + 13);
  pen.clip();
  const thin = (mark) => Boolean(mark.thin);
  for (const mark of [...chart.marks].sort((a, b) => thin(b) - thin(a))) {
    pen.save();
    pen.strokeStyle = pen.fillStyle = mark.color;
    draw[mark.kind](pen, mark, at);
    pen.restore();
  }
  pen.restore();
  return at;
}

function legendHtml(node, entries) {
  const key = JSON.stringify(entries);
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren();
  for (const { label, kind, color, dash, shape } of entries) {
    const entry = make("span", "plastlab-entry", node);
    const swatch = make("span", `plastlab-swatch plastlab-${kind}`, entry);
    if (kind === "Line") {
      const line = `stroke="${color}" stroke-width="2.5" stroke-linecap="round" stroke-dasharray="${dash.join(" ")}"`;
      swatch.innerHTML = `<svg width="30" height="8"><path d="M2 4H28" ${line}/></svg>`;
    } else if (kind === "Dots") {
      const corners = shape.map(([a, b]) => `${6 + 4 * a},${6 - 4 * b}`).join(" ");
      const dot = shape.length ? `<polygon points="${corners}"/>` : '<circle cx="6" cy="6" r="4"/>';
      swatch.innerHTML = `<svg width="12" height="12" fill="${color}">${dot}</svg>`;
    } else swatch.style.background = color;
    entry.append(label);
  }
}

function panel(parent) {
  const box = make("div", "plastlab-picture", parent);
  const title = make("div", "plastlab-title", box);
  const legend = make("div", "plastlab-legend", box);
  const plot = make("div", "plastlab-plot", box);
  const canvas = make("canvas", "plastlab-canvas", plot);
  const drawAndRead = reader(canvas, plot);
  return (chart) => {
    title.textContent = chart.title;
    legendHtml(legend, chart.legend.length > 1 ? chart.legend : []);
    canvas.setAttribute("aria-label", chart.words);
    if (canvas.clientWidth) drawAndRead(chart);
  };
}

function render({ model, el }) {
  el.classList.add("plastlab-chart");
  const row = make("div", "plastlab-row", el);
  const status = make("div", "plastlab-status", el);
  const problem = make("div", "plastlab-problem", el);
  problem.setAttribute("role", "alert");
  let panels = [], asked = false, draws = 0;

  function redraw() {
    asked = false;
    const began = performance.now(), charts = model.get("charts");
    if (panels.length !== charts.length) {
      row.replaceChildren();
      panels = charts.map(() => panel(row));
    }
    charts.forEach((chart, k) => panels[k](chart));
    status.textContent = model.get("status");
    problem.textContent = model.get("problem");
    el.dataset.draws = ++draws; // the browser tests see by these that, and how fast, it was drawn
    el.dataset.milliseconds = performance.now() - began;
  }
  function ask() {
    if (!asked) requestAnimationFrame(redraw);
    asked = true;
  }

  model.on("change", ask);
  const size = new ResizeObserver(ask);
  size.observe(el);
  const theme = new MutationObserver(ask);
  theme.observe(document.body, { attributes: true });
  model.send({ event: "shown" });
  return () => {
    model.off("change", ask);
    size.disconnect();
    theme.disconnect();
    model.send({ event: "hidden" });
  };
}

export default { render };
