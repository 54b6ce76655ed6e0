// SPDX-License-Identifier: MIT
// The charts of the QC report on Apache ECharts; only the parts in use are bundled. app.js works without this file.
import * as echarts from "echarts/core";
import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, CustomChart, LineChart, ScatterChart, GridComponent, LegendComponent, MarkLineComponent,
  TooltipComponent, CanvasRenderer]);

const INK = "#1f2933";
const QUIET = "#8a97a6";
const RULE = "#e4e8ed";
const FONT = "12px system-ui, sans-serif";
const live = new Set();

function start(element) {
  const old = echarts.getInstanceByDom(element);
  if (old) { live.delete(old); old.dispose(); }
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
    nameTextStyle: { color: QUIET, fontSize: 11 }, axisLabel: { color: QUIET, fontSize: 10, hideOverlap: true, formatter: compact, showMinLabel: false, showMaxLabel: false },
    axisLine: { show: true, lineStyle: { color: RULE } }, axisTick: { show: false }, splitLine: { lineStyle: { color: RULE } },
  }, extra);
}

const base = {
  animation: false,
  textStyle: { color: INK, fontFamily: "system-ui, sans-serif" },
  grid: { left: 52, right: 14, top: 14, bottom: 40 },
};

const tip = { backgroundColor: "#fff", borderColor: RULE, textStyle: { color: INK, font: FONT, fontSize: 12 }, confine: true };

// bins: [[low, high, count]], limits: [{value, color, label}]
function histogram(element, { bins, limits, marker, unit, onPick }) {
  const chart = start(element);
  const width = bins[0][1] - bins[0][0];
  const marks = limits.map((limit) => ({ xAxis: limit.value, lineStyle: { color: limit.color, type: "dashed", width: 1.5 } }));
  if (marker !== undefined) marks.push({ xAxis: marker, lineStyle: { color: INK, type: "solid", width: 2 } });
  const low = Math.min(bins[0][0], ...limits.filter((l) => l.near).map((l) => l.value - width));
  const high = Math.max(bins[bins.length - 1][1], ...limits.filter((l) => l.near).map((l) => l.value + width));
  chart.setOption(Object.assign({}, base, {
    grid: { left: 40, right: 12, top: 10, bottom: 24 },
    xAxis: axis("", { min: low, max: high, splitLine: { show: false } }),
    yAxis: axis("", { scale: false, splitNumber: 3, minInterval: 1 }),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => `${short(p.data.low)} to ${short(p.data.high)} ${unit}<br><b>${p.data.n}</b> samples` }, tip),
    series: [{
      type: "bar", barWidth: "99%", barGap: 0, itemStyle: { color: "#7d9cc0", borderRadius: [1, 1, 0, 0] },
      emphasis: { itemStyle: { color: "#3f6ea5" } },
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
  const tints = ["#4a7ab0", "#b07a4a"];
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
    area(band.quantiles[0], band.quantiles[4], 0.16);
    area(band.quantiles[1], band.quantiles[3], 0.28);
    series.push({ type: "line", name: band.name, data: pairs(band.quantiles[2]), symbol: "none", silent: true, lineStyle: { color: tint, width: 1.8 }, z: 3 });
  });
  for (const one of own)
    one.lines.forEach((values, line) => series.push({
      type: "line", name: one.name, data: bands[line].x.map((x, i) => [x, values[i]]), symbol: "none", z: 4,
      lineStyle: { color: one.color, width: one.width || 1, opacity: one.opacity || 0.8 }, triggerLineEvent: true,
      emphasis: { lineStyle: { width: 3, opacity: 1 } },
    }));
  chart.setOption(Object.assign({}, base, {
    xAxis: axis(xLabel, { splitLine: { show: false }, min: bands[0].x[0], max: Math.max(...bands.map((b) => b.x[b.x.length - 1])) }),
    yAxis: axis(yLabel, Object.assign({ nameGap: 36 }, range(bands, own))),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => `<b>${p.seriesName}</b>` }, tip),
    series,
  }));
  if (onPick) chart.on("click", (p) => onPick(p.seriesName));
}

// groups: [{name, color, points: [[x, y, label, index]]}]; boxes: [{x: [a, b], y: [a, b], label}]
function scatter(element, { xLabel, yLabel, groups, onPick, boxes, size }) {
  const chart = start(element);
  const outline = (boxes || []).map((box) => ({
    type: "line", silent: true, symbol: "none", z: 1, lineStyle: { color: "#c3ccd6", width: 1, type: "dashed" },
    data: [[box.x[0], box.y[1]], [box.x[0], box.y[0]], [box.x[1], box.y[0]], [box.x[1], box.y[1]], [box.x[0], box.y[1]]],
    endLabel: { show: true, formatter: box.label, color: QUIET, fontSize: 10, offset: [0, 9] },
  }));
  chart.setOption(Object.assign({}, base, {
    grid: { left: 52, right: 18, top: groups.length > 1 ? 34 : 14, bottom: 42 },
    legend: groups.length > 1 ? { top: 0, left: 40, itemWidth: 10, itemHeight: 10, icon: "circle", textStyle: { color: INK, fontSize: 11 }, data: groups.map((g) => g.name) } : undefined,
    xAxis: axis(xLabel), yAxis: axis(yLabel, { nameGap: 36 }),
    tooltip: Object.assign({ trigger: "item", formatter: (p) => p.data[2] ? `<b>${p.data[2]}</b><br>${xLabel} ${short(p.data[0])}<br>${yLabel} ${short(p.data[1])}` : "" }, tip),
    series: outline.concat(groups.map((group) => ({
      type: "scatter", name: group.name, data: group.points, symbolSize: group.size || size || 6,
      itemStyle: { color: group.color, opacity: group.opacity || 0.75 }, large: group.points.length > 4000, z: group.z || 2,
    }))),
  }));
  if (onPick) chart.on("click", (p) => p.data[3] !== undefined && onPick(p.data[3]));
}

window.kuniCharts = { histogram, curves, scatter };
