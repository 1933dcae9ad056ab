// Colours and how well they are seen. chart.py puts this file behind chart.js.

const FAINT = 3.1; // contrast of a thin line with the page: 3, and a little for rounding

function channels(color) {
  const hex = /^#(..)(..)(..)$/.exec(color);
  return hex ? hex.slice(1).map((two) => parseInt(two, 16)) : color.match(/[\d.]+/g).map(Number);
}

// the colour behind a node, from the first of its ancestors that is not clear
function colorBehind(node) {
  for (let place = node; place; place = place.parentElement) {
    const color = channels(getComputedStyle(place).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
  }
  return [255, 255, 255];
}

function light(color) {
  const linear = (c) => (c <= 10 ? c / 3295 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return color.reduce((sum, c, k) => sum + linear(c) * [0.2126, 0.7152, 0.0722][k], 0);
}

function contrast(a, b) {
  const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

// A colour for thin lines: as close to the page's as it can be and still be seen.
function faint(color, back) {
  const own = channels(color);
  const mixed = (share) => own.map((c, k) => Math.round((1 - share) * c + share * back[k]));
  const shares = [0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0];
  return `rgb(${mixed(shares.find((share) => contrast(mixed(share), back) >= FAINT) ?? 0)})`;
}
