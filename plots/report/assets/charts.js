// explore makes the charts over time of one section: they share the time that
// is shown, the cursor and the switches of the legend. It returns how to draw newer
// values of the same lines.
function explore(section) {
  "use strict";
  const data = JSON.parse(section.querySelector("script").textContent);
  const begin = data.from, end = data.from + data.n * data.step;
  const middles = Array.from({ length: data.n }, (_, i) => begin + (i + 0.5) * data.step);
  const boxes = Array.from(section.querySelectorAll("[data-line]"));
  const rows = Array.from(section.querySelectorAll(".legend tbody tr"));
  const state = { from: begin, until: end, index: -1, busy: false };
  let charts = [];

  // Times in words: 90 s is 1m30s, 200,000 s is 2d7h33m20s.
  function time(seconds) {
    const sign = seconds < 0 ? "−" : "";
    let rest = Math.abs(seconds);
    let text = "";
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60]]) {
      const n = Math.floor((rest + 1e-9) / size);
      if (n > 0) text += n + unit;
      rest -= n * size;
    }
    rest = Math.max(0, Number(rest.toPrecision(6)));
    if (rest > 1e-6 || text === "") text += Number(rest.toFixed(3)) + "s";
    return sign + text;
  }
  function latency(seconds) {
    const [size, unit] = seconds >= 1 ? [1, "s"] : seconds >= 1e-3 ? [1e-3, "ms"] : [1e-6, "µs"];
    return Number((seconds / size).toPrecision(3)) + " " + unit;
  }
  const rate = (v) => (v >= 1000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(3))));
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name.replace(/^var\(|\)$/g, "")).trim();

  // Steps of the time axis: round in seconds, minutes, hours or days.
  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
    3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 4320000, 8640000, 17280000];

  function faultShades(u) {
    const context = u.ctx;
    context.save();
    context.fillStyle = colour("--fault");
    for (const f of data.faults ?? []) {
      const left = u.valToPos(f.From, "x", true);
      const width = Math.max(2 * devicePixelRatio, u.valToPos(f.Until, "x", true) - left);
      const from = Math.max(left, u.bbox.left), until = Math.min(left + width, u.bbox.left + u.bbox.width);
      if (until > from) context.fillRect(from, u.bbox.top, until - from, u.bbox.height);
    }
    context.restore();
  }

  // Points are drawn where there is no line: between two intervals without a value.
  const points = { show: () => false, filter: (u, i) => {
    const values = u.data[i], alone = [];
    values.forEach((v, j) => { if (v != null && values[j - 1] == null && values[j + 1] == null) alone.push(j); });
    return alone.length > 0 ? alone : null;
  } };

  function options(box, series, y, bands) {
    const axis = { stroke: colour("--axis"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1 }, font: "12px " + getComputedStyle(box).fontFamily };
    return {
      width: box.clientWidth, height: box.clientWidth < 500 ? 224 : 280, series: [{}, ...series], bands,
      padding: [8, 28, 0, 0], legend: { show: false },
      scales: { x: { time: false, range: () => [state.from, state.until] }, y: y.scale },
      axes: [{ ...axis, incrs: steps, space: 70, values: (u, list) => list.map(time) }, { ...axis, size: 62, values: y.values, filter: y.filter }],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 }, y: false },
      hooks: { drawClear: [faultShades], setCursor: [(u) => hover(u)], setSelect: [(u) => select(u)] },
    };
  }

  const rateValues = () => [middles, ...data.lines.map((l) => l.rate)];

  function rateChart(box) {
    const series = data.lines.map((l, i) => ({ label: l.name, stroke: colour(l.colour), width: i === 0 ? 1 : 1.75, dash: l.dash ?? undefined, show: boxes[i].checked, points }));
    const y = {
      scale: { range: (u, min, max) => [0, max > 0 ? max * 1.05 : 1] },
      values: (u, list) => list.map(rate),
    };
    return new uPlot(options(box, series, y), rateValues(), box);
  }

  // The band between median and 99th percentile is filled; the scale is logarithmic.
  function timesValues() {
    const positive = (list) => list.map((v) => (v > 0 ? v : null));
    return [middles, ...data.lines.filter((l) => l.p50).flatMap((l) => [positive(l.p99), positive(l.p50)])];
  }

  function timesChart(box) {
    const series = [], bands = [];
    data.lines.forEach((l, i) => {
      if (!l.p50) return;
      const stroke = colour(l.colour), show = boxes[i].checked;
      series.push({ label: l.name + " p99", stroke, width: 2, dash: l.dash ?? undefined, show, points, line: i }, { label: l.name + " p50", stroke, width: 1, show, points, line: i });
      bands.push({ series: [series.length - 1, series.length], fill: stroke + "26" });
    });
    const y = {
      scale: { distr: 3, range: (u, min, max) => around(min, max) },
      values: (u, list) => list.map((v) => (v === null ? "" : latency(v))),
      filter: (u, splits) => marked(splits),
    };
    return new uPlot(options(box, series, y, bands), timesValues(), box);
  }

  // around a range of a logarithmic scale, at 1, 2 or 5 times a power of ten.
  function around(min, max) {
    if (!(min > 0 && max > 0)) return [1e-3, 1];
    const round = (v, up) => {
      const unit = 10 ** Math.floor(Math.log10(v) + 1e-9);
      const lead = [1, 2, 5, 10].filter((m) => (up ? m * unit > v * 1.02 : m * unit < v * 0.98));
      if (up) return (lead[0] ?? 20) * unit;
      return lead.length > 0 ? lead[lead.length - 1] * unit : 0.5 * unit;
    };
    return [round(min, false), round(max, true)];
  }

  // Of a wide range powers of ten have labels, of a narrow one also 2 and 5.
  function marked(splits) {
    const known = splits.filter((v) => v !== null);
    const wide = known.length > 0 && known[known.length - 1] / known[0] > 2e3;
    return splits.map((v) => {
      if (v === null) return null;
      const lead = Math.round(v / 10 ** Math.floor(Math.log10(v) + 1e-9));
      return lead === 1 || lead === 10 || (!wide && (lead === 2 || lead === 5)) ? v : null;
    });
  }

  // values of the interval at the cursor stand in the legend.
  function read(index, aloud) {
    state.index = index;
    const caption = section.querySelector(".legend caption span");
    const known = index >= 0 && index < data.n;
    caption.textContent = known ? `${time(begin + index * data.step)} to ${time(begin + (index + 1) * data.step)} after the start` : "Move over a chart to read values";
    const spoken = [caption.textContent];
    data.lines.forEach((l, i) => {
      const values = [known ? l.rate[index] : null, known && l.p50 ? l.p50[index] : null, known && l.p99 ? l.p99[index] : null];
      const texts = values.map((v, j) => (v === null || v === undefined ? "" : j === 0 ? rate(v) : latency(v)));
      Array.from(rows[i].cells).slice(1).forEach((cell, j) => { cell.textContent = texts[j]; });
      if (boxes[i].checked && texts[0]) spoken.push(`${l.name} ${texts[0]} per second${texts[2] ? ", p99 " + texts[2] : ""}`);
    });
    if (aloud) document.getElementById("said").textContent = spoken.join("; ");
  }

  function hover(u) {
    if (state.busy) return;
    read(u.cursor.idx ?? -1, false);
    follow(u);
  }

  // follow puts the other charts' cursors where one is.
  function follow(from) {
    state.busy = true;
    for (const u of charts) {
      if (u === from) continue;
      const left = state.index < 0 ? -10 : u.valToPos(middles[state.index], "x");
      u.setCursor({ left, top: state.index < 0 ? -10 : 0 });
    }
    state.busy = false;
  }

  function select(u) {
    if (u.select.width < 4) return;
    const from = u.posToVal(u.select.left, "x"), until = u.posToVal(u.select.left + u.select.width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    show(from, until);
  }

  // show a part of the time: whole intervals, at least three, nothing outside of the run.
  function show(from, until) {
    const n = Math.min(data.n, Math.max(3, Math.round((until - from) / data.step)));
    const first = Math.min(Math.max(Math.round((from - begin) / data.step), 0), data.n - n);
    [state.from, state.until] = [begin + first * data.step, begin + (first + n) * data.step];
    for (const u of charts) u.setScale("x", { min: state.from, max: state.until });
    section.querySelector(".range").textContent = `Shown: ${time(state.from)} to ${time(state.until)}`;
    if (state.index >= 0) follow(null);
  }

  function zoom(factor) {
    const middle = state.index >= 0 ? middles[state.index] : (state.from + state.until) / 2;
    const share = Math.min(1, Math.max(0, (middle - state.from) / (state.until - state.from)));
    const length = (state.until - state.from) * factor;
    show(middle - share * length, middle + (1 - share) * length);
  }
  const actions = { in: () => zoom(0.5), out: () => zoom(2), all: () => show(begin, end) };

  // move the cursor to an interval, and the part that is shown along with it.
  function move(index) {
    const to = Math.min(Math.max(index, 0), data.n - 1);
    const at = middles[to], length = state.until - state.from;
    if (at < state.from) show(at - data.step / 2, at - data.step / 2 + length);
    if (at > state.until) show(at + data.step / 2 - length, at + data.step / 2);
    read(to, true);
    follow(null);
  }

  function key(event) {
    const first = Math.max(0, Math.ceil((state.from - begin) / data.step - 0.5));
    const from = state.index < 0 ? first - 1 : state.index, stride = event.shiftKey ? 10 : 1;
    const moves = { ArrowRight: from + stride, ArrowLeft: Math.max(from - stride, 0), Home: 0, End: data.n - 1 };
    const does = { "+": actions.in, "=": actions.in, "-": actions.out, "−": actions.out, 0: actions.all, Escape: actions.all };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in moves) move(moves[event.key]);
    else if (event.key in does) does[event.key]();
    else return;
    event.preventDefault();
  }

  function draw() {
    for (const u of charts) u.destroy();
    charts = [];
    for (const box of section.querySelectorAll(".chart")) charts.push(box.dataset.chart === "rate" ? rateChart(box) : timesChart(box));
    show(state.from, state.until);
  }

  // Lines of one of several limiters and clients are shown, or of all.
  function showOf(source) {
    boxes.forEach((box, i) => {
      box.checked = source === "" || box.dataset.of === "" || box.dataset.of === source;
      toggle(i, box.checked);
    });
  }

  // A line is switched in both charts.
  function toggle(line, on) {
    charts.forEach((u) => u.series.forEach((s, i) => {
      if (i > 0 && (s.line ?? i - 1) === line) u.setSeries(i, { show: on });
    }));
  }

  for (const box of section.querySelectorAll(".chart")) {
    box.addEventListener("keydown", key);
    new ResizeObserver(() => {
      const u = charts.find((c) => c.root.parentNode === box);
      if (u && u.width !== box.clientWidth && box.clientWidth > 0) u.setSize({ width: box.clientWidth, height: u.height });
    }).observe(box);
  }
  for (const button of section.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => actions[button.dataset.zoom]());
  section.querySelector("[data-sources]")?.addEventListener("change", (event) => showOf(event.target.value));
  boxes.forEach((box, i) => box.addEventListener("change", () => toggle(i, box.checked)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();

  // update draws the values of a newer section; false: it has other lines.
  return function update(newer) {
    const to = JSON.parse(newer.querySelector("script").textContent);
    const lines = (of) => JSON.stringify([of.from, of.step, of.n, of.lines.map((l) => [l.name, Boolean(l.p50)])]);
    if (lines(to) !== lines(data)) return false;
    data.lines = to.lines;
    for (const u of charts) {
      const box = u.root.parentNode;
      u.setData(box.dataset.chart === "rate" ? rateValues() : timesValues(), false);
      u.setScale("x", { min: state.from, max: state.until });
    }
    if (state.index >= 0) read(state.index, false);
    return true;
  };
}
