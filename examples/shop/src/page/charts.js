// Lines of the last minute, as SVG.

const SVG = "http://www.w3.org/2000/svg";
const SECONDS = 60;
const [WIDTH, HEIGHT] = [SECONDS - 1, 100];

// The times on the logarithmic scale: 0.1 ms to 2 s.
const [LOWEST, HIGHEST] = [0.1, 2000];
const GRID = [0.1, 1, 10, 100, 1000];

function path(className, d) {
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("class", className);
  line.setAttribute("d", d);
  return line;
}

function frame(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(...paths);
  return svg;
}

// Points from the right edge to the left; where nothing was measured the line has a gap.
function points(values, height) {
  const first = SECONDS - values.length;
  return values.map((value, i) => (value === null ? null : [first + i, height(value)]));
}

function line(points) {
  let pen = "M";
  return points
    .map((point) => {
      if (!point) {
        pen = "M";
        return "";
      }
      const step = `${pen}${point[0]} ${point[1].toFixed(2)}`;
      pen = "L";
      return step;
    })
    .join("");
}

function area(points) {
  const there = points.filter(Boolean);
  if (there.length < 2) return "";
  return `${line(there)}L${there.at(-1)[0]} ${HEIGHT}L${there[0][0]} ${HEIGHT}Z`;
}

export function spark(target, className, values, highest) {
  const scale = (value) => HEIGHT - (value / highest) * HEIGHT;
  const drawn = points(values, scale);
  target.replaceChildren(
    frame(
      path("grid", `M0 ${HEIGHT}H${WIDTH}`),
      path(`${className} area`, area(drawn)),
      path(className, line(drawn)),
    ),
  );
}

export function latencies(target, cached, uncached) {
  const span = Math.log(HIGHEST / LOWEST);
  const share = (ms) => 1 - Math.log(Math.min(Math.max(ms, LOWEST), HIGHEST) / LOWEST) / span;
  const scale = (ms) => share(ms) * HEIGHT;
  const labels = GRID.map((ms) => {
    const label = document.createElement("span");
    label.textContent = ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
    label.style.top = `${share(ms) * 100}%`;
    return label;
  });
  target.replaceChildren(
    ...labels,
    frame(
      ...GRID.map((ms) => path("grid", `M0 ${scale(ms)}H${WIDTH}`)),
      path("source", line(points(uncached, scale))),
      path("cache", line(points(cached, scale))),
    ),
  );
}
