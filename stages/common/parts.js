// SPDX-License-Identifier: MIT
// What the reports share: numbers, sections, tables, plots. Without the charts bundle plots are left out. A report's program takes
// from window.kuniParts what it needs.
"use strict";
window.kuniParts = (() => {
  const charts = window.kuniCharts;
  const main = document.getElementById("main");
  const nav = document.getElementById("nav");
  const COLORS = { fail: "var(--fail)", flag: "var(--flag)", pass: "var(--pass)" };
  const PALETTE = ["#3f76b5", "#c9772f", "#3d9468", "#9163ad", "#c04f5a", "#5b95b8", "#a58c3a", "#77828f"];

  // --- small helpers ---
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "onclick") made.addEventListener("click", value);
      else if (value !== undefined && value !== null) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const number = (value, decimals) => value === null || value === undefined ? "NA"
    : value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  // Counts of millions and more are shortened; the tables beside the page have every digit.
  const brief = (value, decimals) => value === null || value === undefined ? "NA"
    : decimals === 0 && Math.abs(value) >= 1e9 ? `${number(value / 1e9, 2)} G`
    : decimals === 0 && Math.abs(value) >= 1e6 ? `${number(value / 1e6, 3)} M` : number(value, decimals);
  const grouped = (text) => text.replace(/(?<![.\d])\d{5,}/, (digits) => (+digits).toLocaleString("en-US"));
  const nice = (name) => name.replace(/_/g, " ");
  function section(id, title, note, short) {
    const made = element("section", { id }, element("h2", {}, title));
    if (note) made.append(element("p", { class: "note" }, note));
    main.append(made);
    nav.append(element("a", { href: `#${id}` }, short || title.split(/, | over | and /)[0]));
    return made;
  }
  // Plots are drawn when they come near the screen: a page of sixty charts opens at once.
  const waiting = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      waiting.unobserve(entry.target);
      entry.target.drawNow();
    }
  }, { rootMargin: "400px" });
  function plot(parent, size, draw) {
    if (!charts) return null;
    const made = element("div", { class: `plot ${size}` });
    made.drawNow = () => { made.drawn = true; draw(made); };
    parent.append(made);
    waiting.observe(made);
    return made;
  }
  // Colours of the charts are those of the page, which follow the reader's scheme.
  const again = () => document.querySelectorAll(".plot").forEach((made) => { if (made.drawn) made.drawNow(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach((made) => { if (!made.drawn) made.drawNow(); }));
  const color = (name) => name.startsWith("var(") ? getComputedStyle(document.documentElement).getPropertyValue(name.slice(4, -1)).trim() : name;

  function table(columns, rows, { page = 100, empty = "Nothing to show.", sortable = true } = {}) {
    let order = rows.map((_, i) => i), at = 0, sortedBy = -1, down = false;
    const body = element("tbody", {});
    const pager = element("div", { class: "bar pager" });
    const box = element("div", {});
    const head = element("tr", {}, ...columns.map((column, c) => element("th", {
      class: `${column.numeric ? "n " : ""}${sortable && column.key ? "sort" : ""}`, title: column.title,
      onclick: () => {
        if (!sortable || !column.key) return;
        down = sortedBy === c ? !down : !!column.numeric;
        sortedBy = c;
        const keys = rows.map(column.key);
        const last = down ? -Infinity : Infinity;
        order.sort((a, b) => {
          let x = keys[a], y = keys[b];
          if (x === null || x === undefined) x = typeof y === "string" ? "\uffff" : last;
          if (y === null || y === undefined) y = typeof x === "string" ? "\uffff" : last;
          return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || a - b;
        });
        at = 0;
        fill();
      },
    }, column.name)));
    function fill() {
      body.replaceChildren(...order.slice(at, at + page).map((i) => element("tr", {},
        ...columns.map((column) => element("td", { class: column.numeric ? "n" : null }, column.cell(rows[i]))))));
      pager.replaceChildren();
      if (rows.length > page) pager.append(
        element("button", { onclick: () => { at -= page; fill(); }, disabled: at === 0 ? "" : null }, "Earlier"),
        `${at + 1} to ${Math.min(at + page, rows.length)} of ${number(rows.length, 0)}`,
        element("button", { onclick: () => { at += page; fill(); }, disabled: at + page >= rows.length ? "" : null }, "Later"));
    }
    if (!rows.length) return element("div", { class: "card empty" }, empty);
    fill();
    box.append(element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), body)), pager);
    pager.style.marginTop = "8px";
    return box;
  }

  // --- what earlier generations had: told by the run that published, in a file beside the page ---
  function trend(name, metrics) {
    const rows = (window.kuniTrend || []).filter((row) => row.table === name);
    const generations = [...new Set(rows.map((row) => row.generation))].sort((a, b) => a - b);
    if (generations.length < 2) return null;
    const at = new Map(rows.map((row) => [`${row.generation} ${row.metric}`, row.value]));
    const last = generations[generations.length - 1], before = generations[generations.length - 2];
    const list = [...new Set(rows.map((row) => row.metric))].map((metric) => ({ metric,
      values: generations.map((g) => at.has(`${g} ${metric}`) ? at.get(`${g} ${metric}`) : null),
      now: at.get(`${last} ${metric}`), then: at.get(`${before} ${metric}`) })).filter((row) => !metrics || metrics(row.metric));
    return { generations, last, before, list };
  }
  function trendSection(name, note, metrics) {
    const box = section("trend", "Over the generations", note, "Generations");
    const found = trend(name, metrics);
    if (!found) {
      box.append(element("p", { class: "note" }, "No former generation to compare with is known to this page: trend.js, which a run publishes beside it, tells of them."));
      return;
    }
    const shown = (v) => v === null || v === undefined ? "NA" : Math.abs(v) >= 1000 || Number.isInteger(v) ? number(v, 0) : String(+v.toPrecision(5));
    const line = (values) => {
      const known = values.filter((v) => v !== null), low = Math.min(...known), span = Math.max(...known) - low || 1;
      const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      made.setAttribute("viewBox", "0 0 120 24");
      made.setAttribute("class", "spark");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      path.setAttribute("points", values.map((v, i) => v === null ? null : `${4 + 112 * i / Math.max(1, values.length - 1)},${20 - 16 * (v - low) / span}`).filter(Boolean).join(" "));
      made.append(path);
      return made;
    };
    box.append(table([
      { name: "number", cell: (r) => nice(r.metric), key: (r) => r.metric },
      { name: `generation ${found.before}`, numeric: true, cell: (r) => shown(r.then), key: (r) => r.then },
      { name: `generation ${found.last}`, numeric: true, cell: (r) => shown(r.now), key: (r) => r.now },
      { name: "change", numeric: true, cell: (r) => typeof r.now === "number" && typeof r.then === "number" ? `${r.now >= r.then ? "+" : "−"}${shown(Math.abs(r.now - r.then))}` : "", key: (r) => r.now - r.then },
      { name: `generations ${found.generations[0]} to ${found.last}`, cell: (r) => line(r.values) },
    ], found.list, { page: 60 }));
  }
  const chartsNote = () => charts ? null : element("p", { class: "warn" }, "This kuni was built without charts (" + (window.kuniNoCharts || "no reason is known") + "), so this page has tables only. The numbers are complete.");

  return { charts, main, element, number, brief, grouped, nice, section, plot, table, color, trendSection, chartsNote, COLORS, PALETTE };
})();
