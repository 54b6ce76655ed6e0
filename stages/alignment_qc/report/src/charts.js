// SPDX-License-Identifier: MIT
// The charts of the QC report on Apache ECharts; only the parts in use are bundled. app.js works without this file.
import * as echarts from "echarts/core";
import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, CustomChart, LineChart, ScatterChart, GridComponent, LegendComponent, MarkLineComponent,
  TooltipComponent, CanvasRenderer]);

// Colours are the page's, read anew for each drawing: the reader's scheme may change.
let INK, QUIET, RULE, CARD, BAR, BAR_ON;
const paint = (color) => color && color.startsWith("var(") ? getComputedStyle(document.documentElement).getPropertyValue(color.slice(4, -1)).trim() : color;
const FONT = "12px system-ui, sans-serif";
const LEGEND_LEFT = 40;
const live = new Set();

function start(element) {
  const old = echarts.getInstanceByDom(element);
  if (old) { live.delete(old); old.dispose(); }
  [INK, QUIET, RULE, CARD, BAR, BAR_ON] = ["--ink", "--quiet", "--rule", "--card", "--bar", "--bar-on"].map((name) => paint(`var(${name})`));
  const chart = echarts.init(element, null, { renderer: "canvas" });
  live.add(chart);
  return chart;
}

window.addEventListener("resize", () => live.forEach((chart) => chart.resize()));

function compact(value) {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]])
    if (size >= unit) return `${+(value / (letter === "k" ? 1e3 : unit)).toPrecision(4)} ${letter}`;
  return String(+value.toPrecision(6));
}

function axis(name, extra) {
  return Object.assign({
    type: "value", name, nameLocation: "middle", nameGap: 26, scale: true,
    nameTextStyle: { color: QUIET, fontSize: 11 }, axisLabel: { color: QUIET, fontSize: 10, hideOverlap: true, formatter: compact },
    axisLine: { show: true, lineStyle: { color: RULE } }, axisTick: { show: false }, splitLine: { lineStyle: { color: RULE } },
  }, extra);
}

// An axis that ends where the data do, at no round numbers: these are not told.
const ends = (name, extra) => {
  const made = axis(name, extra);
  Object.assign(made.axisLabel, { showMinLabel: false, showMaxLabel: false });
  return made;
};

const base = () => ({
  animation: false,
  textStyle: { color: INK, fontFamily: "system-ui, sans-serif" },
  grid: { left: 58, right: 18, top: 14, bottom: 40 },
});

// A legend above the chart in as many lines as it needs, and what the chart has to leave for it.
function legend(element, names) {
  if (names.length < 2) return { option: undefined, top: 14 };
  const room = Math.max(120, element.clientWidth - LEGEND_LEFT - 10);
  let lines = 1, used = 0;
  for (const name of names) {
    const wide = 26 + 6.6 * name.length; // mark, gaps, letters of 11 pixels
    if (used && used + wide > room) { lines++; used = 0; }
    used += wide;
  }
  return { top: 14 + 20 * lines, option: { top: 0, left: LEGEND_LEFT, right: 10, itemWidth: 10, itemHeight: 10, itemGap: 10, icon: "circle", textStyle: { color: INK, fontSize: 11 }, data: names } };
}

const tip = () => ({ backgroundColor: CARD, borderColor: RULE, textStyle: { color: INK, font: FONT, fontSize: 12 }, confine: true });

// bins: [[low, high, count]], limits: [{value, color, label}]
function histogram(element, { bins, limits, marker, unit, onPick }) {
  const chart = start(element);
  const width = bins[0][1] - bins[0][0];
  const marks = limits.map((limit) => ({ xAxis: limit.value, lineStyle: { color: paint(limit.color), type: "dashed", width: 1.5 } }));
  if (marker !== undefined) marks.push({ xAxis: marker, lineStyle: { color: INK, type: "solid", width: 2 } });
  const low = Math.min(bins[0][0], ...limits.filter((l) => l.near).map((l) => l.value - width));
  const high = Math.max(bins[bins.length - 1][1], ...limits.filter((l) => l.near).map((l) => l.value + width));
  chart.setOption(Object.assign(base(), {
    grid: { left: 44, right: 26, top: 12, bottom: 24 },
    xAxis: ends("", { min: low, max: high, splitLine: { show: false } }),
    yAxis: axis("", { scale: false, splitNumber: 3, minInterval: 1 }),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => `${short(p.data.low)} to ${short(p.data.high)} ${unit}<br><b>${p.data.n}</b> samples` }, tip()),
    series: [{
      type: "bar", barWidth: "99%", barGap: 0, itemStyle: { color: BAR, borderRadius: [1, 1, 0, 0] },
      emphasis: { itemStyle: { color: BAR_ON } },
      barMinHeight: 1,
      data: bins.filter((b) => b[2]).map((b) => ({ value: [(b[0] + b[1]) / 2, b[2]], low: b[0], high: b[1], n: b[2] })),
      barMaxWidth: 40,
      markLine: { symbol: "none", silent: true, label: { show: false }, data: marks },
    }],
  }));
  // A bar on a value axis is as wide as its bin.
  const fit = () => {
    const pixels = Math.abs(chart.convertToPixel({ xAxisIndex: 0 }, width) - chart.convertToPixel({ xAxisIndex: 0 }, 0));
    chart.setOption({ series: [{ barWidth: Math.max(1, pixels - 1) }] });
  };
  fit();
  if (onPick) chart.on("click", (p) => onPick(p.data.low, p.data.high));
}

function short(value) {
  if (value === null || !isFinite(value)) return "NA";
  return Math.abs(value) >= 1e4 ? compact(value) : String(+value.toPrecision(4));
}

// The y axis holds the wide band and the drawn lines, from 0 unless all lie far above it.
function range(bands, own) {
  const values = bands.flatMap((b) => [...b.quantiles[0], ...b.quantiles[4]]).concat(own.flatMap((one) => one.lines.flat())).filter((v) => v !== null);
  const low = Math.min(...values), high = Math.max(...values), room = (high - low) * 0.06 || 1;
  return low > high / 2 ? { min: +(low - room).toPrecision(3), max: +(high + room).toPrecision(3) } : { min: 0, max: +(high + room).toPrecision(3) };
}

// band: {x, quantiles: [p5, p25, p50, p75, p95]} of arrays, one a line; own: [{name, lines, color}]
function curves(element, { title, xLabel, yLabel, bands, own, onPick }) {
  const chart = start(element);
  const series = [];
  const tints = ["#4a86c8", "#c98a4e"];
  bands.forEach((band, line) => {
    const tint = tints[line % 2];
    const pairs = (values) => band.x.map((x, i) => [x, values[i]]);
    // A filled outline between two lines, cut where either has no value.
    const area = (low, high, opacity) => {
      const known = band.x.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null);
      const outline = known.map((i) => [band.x[i], low[i]]).concat(known.reverse().map((i) => [band.x[i], high[i]]));
      if (outline.length) series.push({
        type: "custom", silent: true, clip: true, z: 1, data: [outline[0]],
        renderItem: (_, api) => ({ type: "polygon", shape: { points: outline.map((point) => api.coord(point)) }, style: { fill: tint, opacity } }),
      });
    };
    area(band.quantiles[0], band.quantiles[4], 0.3);
    area(band.quantiles[1], band.quantiles[3], 0.42);
    series.push({ type: "line", name: band.name, data: pairs(band.quantiles[2]), symbol: "none", silent: true, lineStyle: { color: tint, width: 2.6 }, z: 5 });
  });
  for (const one of own)
    one.lines.forEach((values, line) => series.push({
      type: "line", name: one.name, data: bands[line].x.map((x, i) => [x, values[i]]), symbol: "none", z: 4,
      lineStyle: { color: paint(one.color), width: one.width || 1, opacity: one.opacity || 0.8 }, triggerLineEvent: true,
      emphasis: { lineStyle: { width: 3, opacity: 1 } },
    }));
  chart.setOption(Object.assign(base(), {
    xAxis: ends(xLabel, { splitLine: { show: false }, min: bands[0].x[0], max: Math.max(...bands.map((b) => b.x[b.x.length - 1])) }),
    yAxis: ends(yLabel, Object.assign({ nameGap: 40 }, range(bands, own))),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => `<b>${p.seriesName}</b>` }, tip()),
    series,
  }));
  if (onPick) chart.on("click", (p) => onPick(p.seriesName));
}

// groups: [{name, color, points: [[x, y, label, index]]}]; boxes: [{x: [a, b], y: [a, b], label}]
function scatter(element, { xLabel, yLabel, groups, onPick, boxes, size }) {
  const chart = start(element);
  const above = legend(element, groups.map((g) => g.name));
  const outline = (boxes || []).map((box) => ({
    type: "line", silent: true, symbol: "none", z: 1, lineStyle: { color: QUIET, width: 1, type: "dashed", opacity: 0.6 },
    data: [[box.x[0], box.y[1]], [box.x[0], box.y[0]], [box.x[1], box.y[0]], [box.x[1], box.y[1]], [box.x[0], box.y[1]]],
    endLabel: { show: true, formatter: box.label, color: QUIET, fontSize: 10, offset: [0, 9] },
  }));
  chart.setOption(Object.assign(base(), {
    grid: { left: 64, right: 22, top: above.top, bottom: 42 },
    legend: above.option,
    xAxis: ends(xLabel), yAxis: axis(yLabel, { nameGap: 48 }),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => p.data[2] ? `<b>${p.data[2]}</b><br>${xLabel} ${short(p.data[0])}<br>${yLabel} ${short(p.data[1])}` : "" }, tip()),
    series: outline.concat(groups.map((group) => ({
      type: "scatter", name: group.name, data: group.points, symbolSize: group.size || size || 6,
      itemStyle: { color: paint(group.color), opacity: group.opacity || 0.75 }, large: group.points.length > 4000, z: group.z || 2,
    }))),
  }));
  if (onPick) chart.on("click", (p) => p.data[3] !== undefined && onPick(p.data[3]));
}

// names: of the bars; series: [{name, color, values}], stacked; log: heights by powers of ten (not stacked then)
function bars(element, { xLabel, yLabel, names, series, log, turned }) {
  const chart = start(element);
  const above = legend(element, series.map((one) => one.name));
  chart.setOption(Object.assign(base(), {
    grid: { left: 62, right: 14, top: above.top, bottom: turned ? 62 : 42 },
    legend: above.option,
    xAxis: Object.assign(axis(xLabel, { nameGap: turned ? 46 : 26 }), { type: "category", data: names, axisLabel: { color: QUIET, fontSize: 10, hideOverlap: true, rotate: turned ? 45 : 0 } }),
    yAxis: axis(yLabel, { type: log ? "log" : "value", min: log ? 0.8 : undefined, scale: false, nameGap: 46 }),
    tooltip: Object.assign({ trigger: "axis", axisPointer: { type: "shadow" } }, tip()),
    series: series.map((one) => ({ type: "bar", name: one.name, stack: log ? undefined : "all", barCategoryGap: names.length > 40 ? "5%" : "25%", itemStyle: { color: paint(one.color) }, data: log ? one.values.map((v) => v || null) : one.values })),
  }));
}

// Points along the genome: contigs one after the other; points: [contig number, begin, value, text]
function track(element, { yLabel, contigs, points }) {
  const chart = start(element);
  const begins = [];
  let all = 0;
  for (const contig of contigs) { begins.push(all); all += contig.length; }
  const tints = ["#3f76b5", "#c9772f"];
  chart.setOption(Object.assign(base(), {
    grid: { left: 58, right: 18, top: 14, bottom: 40 },
    xAxis: Object.assign(ends(contigs.length > 1 ? "" : `${contigs[0].name} (bp)`, { min: 0, max: all || 1, splitLine: { show: false } }), contigs.length > 1 ? { axisLabel: { show: false } } : {}),
    yAxis: axis(yLabel, { scale: false, nameGap: 40, min: 0 }),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => p.data[2] }, tip()),
    series: contigs.map((contig, c) => ({
      type: "scatter", name: contig.name, symbolSize: points.length > 400 ? 3 : 4, itemStyle: { color: tints[c % 2], opacity: 0.85 },
      data: points.filter((p) => p[0] === c).map((p) => [begins[c] + p[1], p[2], p[3]]),
      markLine: contigs.length > 1 && contig.length > all / 60 ? { symbol: "none", silent: true, lineStyle: { color: RULE, type: "solid" }, label: { formatter: contig.name.replace(/^chr/, ""), position: "start", color: QUIET, fontSize: 10, distance: 4 }, data: [{ xAxis: begins[c] + contig.length / 2, lineStyle: { opacity: 0 } }] } : undefined,
    })),
  }));
}

// Five quantiles of each name: a thin bar from the first to the last, a thick one between, a point in the middle.
function ranges(element, { yLabel, names, quantiles }) {
  const chart = start(element);
  const box = (api, x, low, high, width, opacity) => {
    const top = api.coord([x, high]), bottom = api.coord([x, low]);
    return { type: "rect", shape: { x: top[0] - width / 2, y: top[1], width, height: Math.max(1, bottom[1] - top[1]) }, style: { fill: BAR, opacity } };
  };
  chart.setOption(Object.assign(base(), {
    grid: { left: 58, right: 14, top: 14, bottom: 34 },
    xAxis: Object.assign(axis(""), { type: "category", data: names, axisLabel: { color: QUIET, fontSize: 10, hideOverlap: true, interval: names.length > 12 ? "auto" : 0 } }),
    yAxis: axis(yLabel, { scale: false, nameGap: 38, min: 0 }),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => `<b>${names[p.dataIndex]}</b><br>5 to 95 %: ${short(quantiles[p.dataIndex][0])} to ${short(quantiles[p.dataIndex][4])}<br>median ${short(quantiles[p.dataIndex][2])}` }, tip()),
    series: [{ type: "custom", data: quantiles.map((q, i) => [i, ...q]), encode: { x: 0, y: [1, 2, 3, 4, 5] }, renderItem: (_, api) => {
      const x = api.value(0), wide = Math.min(46, api.size([1, 0])[0] * 0.6), middle = api.coord([x, api.value(3)]);
      return { type: "group", children: [box(api, x, api.value(1), api.value(5), wide / 4, 0.7), box(api, x, api.value(2), api.value(4), wide, 0.8),
        { type: "rect", shape: { x: middle[0] - wide / 2, y: middle[1] - 1, width: wide, height: 2 }, style: { fill: INK } }] };
    } }],
  }));
}

window.kuniCharts = { histogram, curves, scatter, bars, track, ranges };
