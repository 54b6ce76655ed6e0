// SPDX-License-Identifier: MIT
// The report of the call set: draws the page from the JSON in it. Without the charts bundle it shows tables and strips of bars.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { charts, element, number, brief, nice, section, plot, table, trendSection, chartsNote, PALETTE } = window.kuniParts;
  const { meta, counts, measures, samples, outliers } = data;
  const n = samples.id.length;
  const index = new Map(measures.map((measure, i) => [measure.name, i]));
  const byId = new Map(samples.id.map((id, row) => [id, row]));
  const value = (m, row) => samples.values[m][row];
  const shown = (m, row) => brief(value(m, row), measures[m].decimals);
  const link = (row) => element("button", { class: "link", onclick: () => open(row) }, samples.id[row]);
  const named = (id) => byId.has(id) ? link(byId.get(id)) : id;
  const share = (a, b) => b ? `${(100 * a / b).toFixed(a === b || a === 0 ? 0 : 2)} %` : "NA";
  const ratio = (a, b, decimals) => b ? (a / b).toFixed(decimals) : "NA";
  const RECORDS = ["records", "SNPs", "indels", "others", "multiallelic"];
  const KINDS = ["transitions", "transversions", "insertions", "deletions", "others"];
  const all = counts.records.slice(0, 5), passed = counts.records.slice(5);
  const allAlts = counts.alleles.slice(0, 5), alts = counts.alleles.slice(5);
  const badge = (verdict) => element("span", { class: `badge ${{ conflict: "fail", undeclared: "flag", expected: "pass" }[verdict] || ""}` }, nice(verdict));
  // Bars of plain HTML, for few rows: they need no charts.
  function strip(rows) {
    const most = Math.max(1, ...rows.map((row) => row[1]));
    return element("div", { class: "bars" }, ...rows.flatMap(([name, count]) => [element("span", {}, name),
      element("i", { style: `width:${100 * count / most}%` }), element("b", {}, number(count, 0))]));
  }
  const card = (title, sub, ...children) => element("div", { class: "card" }, element("h3", {}, title), sub ? element("div", { class: "sub" }, sub) : null, ...children);
  function chartCard(grid, title, sub, size, draw) {
    if (!charts) return;
    const made = card(title, sub);
    grid.append(made);
    plot(made, size, draw);
  }

  // --- overview ---
  document.getElementById("subtitle").textContent = `Stage ${meta.stage} · ${number(meta.samples, 0)} samples · ${number(all[0], 0)} records`;
  document.title = `Call set · ${number(meta.samples, 0)} samples`;
  {
    const box = section("overview", "Overview");
    const tile = (kind, text, what, to) => element("div", { class: `tile ${kind} ${to ? "act" : ""}`, onclick: () => { if (to) document.getElementById(to).scrollIntoView(); } }, element("b", {}, text), element("span", {}, what));
    const missing = measures[index.get("call_rate")].dist;
    box.append(element("div", { class: "tiles" },
      tile("", number(meta.samples, 0), "samples", "samples"), tile("", brief(passed[0], 0), `of ${brief(all[0], 0)} records passed`, "records"),
      tile("", ratio(alts[0], alts[1], 3), "transitions / transversions"), tile("", missing ? `${(100 * missing.q[1]).toFixed(2)} %` : "NA", "median call rate of a sample"),
      tile(meta.outliers ? "flag" : "pass", number(meta.outliers, 0), "samples far from the others", "outliers"),
      tile(!meta.compared ? "" : meta.conflicts ? "fail" : "pass", meta.compared ? number(meta.conflicts, 0) : "–", meta.compared ? "pairs contradict the manifest" : "kin not compared", "relatives"),
      tile(meta.undeclared ? "flag" : "", meta.compared ? number(meta.undeclared, 0) : "–", "undeclared relatives", "relatives"),
      tile("", number(meta.trios, 0), "trios", "trios")));
    if (meta.shown < meta.samples) box.append(element("p", { class: "warn" }, `${number(meta.shown, 0)} of ${number(meta.samples, 0)} samples are listed and drawn, outliers first; numbers and distributions are of all. The rest stands in call-set/samples.tsv.`));
    if (!meta.genotypes) box.append(element("p", { class: "warn" }, "The call set was made without genotypes (output: sites). Frequencies, missing shares and Hardy-Weinberg P are those of INFO; what single samples, trios and pairs have is not known here. also: [sparse] of joint-genotype counts them."));
    if (!charts) box.append(chartsNote());
  }

  // --- records ---
  {
    const box = section("records", "Records", "A record counts in each type that it has an ALT of. Passed: FILTER is PASS or missing; charts are of those.");
    const grid = element("div", { class: "wide" });
    box.append(grid);
    grid.append(card("By type", null, table([
      { name: "", cell: (r) => r[0] }, { name: "all", numeric: true, cell: (r) => r[1] }, { name: "passed", numeric: true, cell: (r) => r[2] },
    ], RECORDS.map((name, i) => [name, number(all[i], 0), number(passed[i], 0)]).concat(KINDS.map((name, i) => [`ALTs: ${name}`, number(allAlts[i], 0), number(alts[i], 0)]))
      .concat([["Ti/Tv", ratio(allAlts[0], allAlts[1], 3), ratio(alts[0], alts[1], 3)], ["insertions / deletions", ratio(allAlts[2], allAlts[3], 3), ratio(alts[2], alts[3], 3)]]), { sortable: false })));
    const filters = counts.filters.slice().sort((a, b) => b[1] - a[1]);
    grid.append(card("Filters", "records with each; last column: with no other", filters.length ? table([
      { name: "filter", cell: (r) => r[0], key: (r) => r[0] }, { name: "records", numeric: true, cell: (r) => number(r[1], 0), key: (r) => r[1] },
      { name: "share", numeric: true, cell: (r) => share(r[1], all[0]) }, { name: "alone", numeric: true, cell: (r) => number(r[2], 0), key: (r) => r[2] },
    ], filters) : element("p", { class: "note" }, "No record has a filter.")));
    const bases = ["A>C", "A>G", "A>T", "C>A", "C>G", "C>T", "G>A", "G>C", "G>T", "T>A", "T>C", "T>G"];
    grid.append(card("Substitutions", null, strip(bases.map((name, i) => [name.replace(">", "→"), counts.substitutions[i]]))));
    const middle = (counts.lengths.length - 1) / 2;
    chartCard(grid, "Lengths of indels", `below 0: deletions; both ends hold all beyond ${middle} bases`, "tall", (place) => {
      let most = 5;
      counts.lengths.forEach((count, i) => { if (count) most = Math.max(most, Math.abs(i - middle)); });
      const from = middle - most, names = [], values = [];
      for (let i = from; i <= middle + most; i++) { names.push(String(i - middle)); values.push(counts.lengths[i]); }
      charts.bars(place, { xLabel: "bases more than REF", yLabel: "ALTs", names, log: true, series: [{ name: "ALTs", color: "var(--bar)", values }] });
    });
    const bins = counts.frequencyNames.length;
    const spectrum = (kinds) => counts.frequencyNames.map((_, b) => kinds.reduce((sum, k) => sum + counts.frequencies[k * bins + b], 0));
    const frequencySeries = [["SNPs", [0, 1]], ["indels", [2, 3]], ["others", [4]]].map(([name, kinds], i) => ({ name, color: PALETTE[i], values: spectrum(kinds).slice(1) })).filter((s) => s.values.some(Boolean));
    chartCard(grid, "Allele frequencies", "ALTs by copies, then by share of the called copies; logarithmic", "tall", (place) => charts.bars(place, { xLabel: "", yLabel: "ALTs", turned: true, log: true, names: counts.frequencyNames.slice(1).map((name) => name.replace("<=", "≤ ")), series: frequencySeries }));
    chartCard(grid, "Ti/Tv by frequency", "of SNPs that passed", "tall", (place) => {
      const ti = spectrum([0]).slice(1), tv = spectrum([1]).slice(1);
      charts.bars(place, { xLabel: "", yLabel: "Ti/Tv", turned: true, names: counts.frequencyNames.slice(1).map((name) => name.replace("<=", "≤ ")), series: [{ name: "Ti/Tv", color: PALETTE[2], values: ti.map((v, i) => tv[i] ? +(v / tv[i]).toFixed(3) : 0) }] });
    });
  }

  // --- genotypes ---
  {
    const box = section("genotypes", "Genotypes", `Of ${number(counts.counted[0], 0)} records that passed where everybody has two copies.`);
    const grid = element("div", { class: "wide" });
    box.append(grid);
    const edges = counts.missingEdges.map((edge, i) => i ? `≤ ${+(100 * edge).toPrecision(3)} %` : "none");
    grid.append(card("Missing genotypes of a record", "records by share of samples without a call", strip(edges.map((name, i) => [name, counts.missing[i]]))));
    const steps = (values, width) => values.reduce((bins, count, i) => { bins[Math.floor(i / width)] = (bins[Math.floor(i / width)] || 0) + count; return bins; }, []);
    chartCard(grid, "Genotype quality", "genotypes with an ALT by GQ", "tall", (place) => charts.bars(place, { xLabel: "GQ", yLabel: "genotypes", names: steps(counts.gq, 2).map((_, i) => String(2 * i)), series: [{ name: "genotypes", color: "var(--bar)", values: steps(counts.gq, 2) }] }));
    chartCard(grid, "Depth", "genotypes with an ALT by DP; the last holds 150 and more", "tall", (place) => {
      let last = counts.depth.length;
      while (last > 20 && !counts.depth[last - 1]) last--;
      charts.bars(place, { xLabel: "DP", yLabel: "genotypes", names: counts.depth.slice(0, last).map((_, i) => String(i)), series: [{ name: "genotypes", color: "var(--bar)", values: counts.depth.slice(0, last) }] });
    });
    const half = counts.hwe.length / 2;
    chartCard(grid, "Hardy-Weinberg", "sites with one ALT by -log10 of the exact P; common: rarer allele 5 % or more", "tall", (place) => charts.bars(place, { xLabel: "-log10 P", yLabel: "sites", log: true, names: counts.hwe.slice(0, half).map((_, i) => i === half - 1 ? `${i}+` : `${i}–${i + 1}`), series: [{ name: "common", color: PALETTE[0], values: counts.hwe.slice(half) }, { name: "rare", color: PALETTE[1], values: counts.hwe.slice(0, half) }] }));
    if (!charts) grid.append(card("Hardy-Weinberg", "common sites by -log10 of the exact P", strip(counts.hwe.slice(half).map((count, i) => [i === half - 1 ? `${i}+` : `${i}–${i + 1}`, count]))));
  }

  // --- along the genome ---
  {
    const box = section("genome", "Along the genome", `In stretches of ${number(meta.windowBp, 0)} bp; call-set/windows.tsv has the numbers.`, "Genome");
    const grid = element("div", {});
    box.append(grid);
    const drawing = [["Missing genotypes (%)", (w) => w[4] === null ? null : 100 * w[4], 3], ["Records that passed", (w) => w[3], 0], ["Heterozygous genotypes (%)", (w) => w[5] === null ? null : 100 * w[5], 2], ["Records filtered (%)", (w) => w[2] ? 100 * (w[2] - w[3]) / w[2] : null, 2]];
    if (data.windows.length) for (const [title, get, decimals] of drawing) {
      if (!charts) break;
      const made = element("div", { class: "card", style: "margin-bottom:14px" }, element("h3", {}, title));
      grid.append(made);
      plot(made, "tall", (place) => charts.track(place, { yLabel: "", contigs: data.contigs, points: data.windows.map((w) => [w[0], w[1], get(w), `${data.contigs[w[0]].name}:${number(w[1] + 1, 0)}<br>${title} <b>${get(w) === null ? "NA" : number(get(w), decimals)}</b>`]).filter((p) => p[2] !== null) }));
    }
    const worst = data.windows.filter((w) => w[4]).sort((a, b) => b[4] - a[4]).slice(0, 50);
    box.append(element("h3", {}, "Stretches with most missing genotypes"), table([
      { name: "stretch", cell: (w) => `${data.contigs[w[0]].name}:${number(w[1] + 1, 0)}`, key: (w) => w[0] * 1e10 + w[1] }, { name: "records", numeric: true, cell: (w) => number(w[2], 0), key: (w) => w[2] },
      { name: "passed", numeric: true, cell: (w) => number(w[3], 0), key: (w) => w[3] }, { name: "missing", numeric: true, cell: (w) => `${(100 * w[4]).toFixed(3)} %`, key: (w) => w[4] },
    ], worst, { page: 10, empty: "No genotype is missing." }));
  }

  // --- outliers ---
  {
    const box = section("outliers", "Outliers", "More than six robust deviations from the median of the samples of the same group, or of the cohort where a group has less than 20 samples.");
    box.append(table([
      { name: "sample", cell: (o) => link(o[0]), key: (o) => samples.id[o[0]] }, { name: "site", cell: (o) => samples.site[o[0]], key: (o) => samples.site[o[0]] },
      { name: "group", cell: (o) => samples.group[o[0]], key: (o) => samples.group[o[0]] }, { name: "number", cell: (o) => nice(measures[o[1]].name), key: (o) => measures[o[1]].name },
      { name: "value", numeric: true, cell: (o) => shown(o[1], o[0]) }, { name: "cohort median", numeric: true, cell: (o) => measures[o[1]].dist ? brief(measures[o[1]].dist.q[1], measures[o[1]].decimals) : "" },
      { name: "deviations", numeric: true, cell: (o) => o[2] === null ? "∞" : number(o[2], 1), key: (o) => o[2] === null ? Infinity : Math.abs(o[2]) },
    ], outliers.slice().sort((a, b) => Math.abs(b[2] === null ? Infinity : b[2]) - Math.abs(a[2] === null ? Infinity : a[2])), { page: 25, empty: "None." }));
    const grid = element("div", { class: "grid", style: "margin-top:14px" });
    if (charts) box.append(grid);
    measures.forEach((measure, m) => {
      if (!charts || !measure.watched || !measure.dist) return;
      const dist = measure.dist, width = (dist.high - dist.low) / dist.bins.length || Math.abs(dist.high) * 0.02 || 1;
      const low = dist.high > dist.low ? dist.low : dist.low - width / 2;
      const made = card(nice(measure.name), `median ${brief(dist.q[1], measure.decimals)} · 5–95 % ${brief(dist.q[0], measure.decimals)} to ${brief(dist.q[2], measure.decimals)}`);
      grid.append(made);
      plot(made, "", (place) => charts.histogram(place, { bins: dist.bins.map((count, i) => [low + i * width, low + (i + 1) * width, count]), limits: [], unit: measure.unit }));
    });
  }

  // --- components ---
  {
    const box = section("structure", "Principal components", samples.pcs.length ? `Of the genotypes at ${number(meta.commonSites, 0)} common sites (call-set/common_sites.tsv). Shares of their variance: ${meta.shares.map((s, i) => `PC${i + 1} ${(100 * s).toFixed(2)} %`).join(", ")}.` : `Not worked out: ${number(meta.commonSites, 0)} common sites and ${number(meta.samples, 0)} samples are too few.`, "Structure");
    const grid = element("div", { class: "wide" });
    if (charts && samples.pcs.length > 1) box.append(grid);
    const groupsBy = (key, a, b) => {
      const names = [...new Set(samples[key])].sort();
      const groups = names.slice(0, 8).map((name, i) => ({ name: name || `(no ${key})`, key: name, color: PALETTE[i], points: [] }));
      if (names.length > 8) groups.push({ name: "others", key: null, color: "var(--none)", points: [] });
      const at = new Map(groups.map((group) => [group.key, group]));
      for (let row = 0; row < n; row++) (at.get(samples[key][row]) || groups[groups.length - 1]).points.push([samples.pcs[a][row], samples.pcs[b][row], samples.id[row], row]);
      return groups;
    };
    if (samples.pcs.length > 1) for (const [title, key, a, b] of [["By group", "group", 0, 1], ["By site", "site", 0, 1], ["By group: third and fourth", "group", 2, 3], ["By site: third and fourth", "site", 2, 3]]) {
      if (b >= samples.pcs.length) continue;
      chartCard(grid, title, null, "square", (place) => charts.scatter(place, { xLabel: `PC${a + 1}`, yLabel: `PC${b + 1}`, size: n > 3000 ? 3 : 6, groups: groupsBy(key, a, b), onPick: open }));
    }
  }

  // --- trios ---
  {
    const box = section("trios", "Trios", "Informative: all three are called and one has an ALT. A new allele is one that neither parent has; else the child's genotype lacks one of the father or of the mother.");
    const errors = (t) => t.slice(5).reduce((a, b) => a + b, 0), rate = (t) => t[4] ? errors(t) / t[4] : 0;
    const count = (t, k) => t[5 + 2 * k] + t[6 + 2 * k];
    const sums = [0, 1, 2].map((k) => [0, 1].map((other) => data.trios.reduce((sum, t) => sum + t[5 + 2 * k + other], 0)));
    if (data.trios.length) {
      const grid = element("div", { class: "wide", style: "margin-bottom:14px" });
      box.append(grid);
      grid.append(card("Errors by type", "SNPs, and the rest", strip(["new allele", "not from father", "not from mother"].flatMap((name, k) => [[`${name}: SNPs`, sums[k][0]], [`${name}: others`, sums[k][1]]]))));
      chartCard(grid, "Rate of errors", "of the informative records of each trio", "tall", (place) => {
        const rates = data.trios.map((t) => 100 * rate(t)), high = Math.max(...rates) || 0.01, bins = Array(24).fill(0);
        rates.forEach((r) => bins[Math.min(23, Math.floor(24 * r / high))]++);
        charts.histogram(place, { bins: bins.map((c, i) => [i * high / 24, (i + 1) * high / 24, c]), limits: [], unit: "%" });
      });
    }
    if (meta.trios > data.trios.length) box.append(element("p", { class: "note" }, `${number(data.trios.length, 0)} of ${number(meta.trios, 0)} trios are listed; call-set/trios.tsv has all.`));
    box.append(table([
      { name: "child", cell: (t) => named(t[0]), key: (t) => t[0] }, { name: "father", cell: (t) => named(t[1]) }, { name: "mother", cell: (t) => named(t[2]) },
      { name: "informative", numeric: true, cell: (t) => number(t[4], 0), key: (t) => t[4] }, { name: "errors", numeric: true, cell: (t) => number(errors(t), 0), key: errors },
      { name: "rate", numeric: true, cell: (t) => `${(100 * rate(t)).toFixed(3)} %`, key: rate },
      ...["new allele", "not from father", "not from mother"].map((name, k) => ({ name, numeric: true, cell: (t) => number(count(t, k), 0), key: (t) => count(t, k) })),
    ], data.trios.slice().sort((a, b) => rate(b) - rate(a)), { page: 25, empty: "No trio: no sample whose father and mother are in the call set." }));
  }

  // --- relatives ---
  {
    const box = section("relatives", "Relatives, duplicates and swaps", `KING-robust kinship: ${meta.kinNote}. A conflict contradicts the manifest. Identical twins look like duplicates.`, "Relatives");
    const rows = data.kin.slice().sort((a, b) => (b[7] === "conflict") - (a[7] === "conflict") || b[2] - a[2]);
    if (rows.length && charts) {
      const made = element("div", { class: "card", style: "max-width:640px;margin-bottom:14px" });
      const kinds = [["conflict", "var(--fail)"], ["undeclared", "var(--flag)"], ["expected", "var(--pass)"]];
      plot(made, "tall", (place) => charts.scatter(place, { xLabel: "share of opposite homozygotes (IBS0)", yLabel: "kinship", size: 8,
        groups: kinds.map(([kind, color]) => ({ name: kind, color, points: data.kin.filter((k) => k[7] === kind).map((k) => [k[4], k[2], `${k[0]} and ${k[1]}`]) })).filter((g) => g.points.length) }));
      box.append(made);
    }
    if (meta.kin > data.kin.length) box.append(element("p", { class: "note" }, `${number(data.kin.length, 0)} of ${number(meta.kin, 0)} pairs are listed; call-set/related.tsv has all.`));
    box.append(table([
      { name: "verdict", cell: (r) => badge(r[7]), key: (r) => r[7] }, { name: "sample", cell: (r) => named(r[0]), key: (r) => r[0] }, { name: "sample", cell: (r) => named(r[1]), key: (r) => r[1] },
      { name: "relation found", cell: (r) => nice(r[3]), key: (r) => r[3] }, { name: "declared", cell: (r) => nice(r[6]), key: (r) => r[6] },
      { name: "kinship", numeric: true, cell: (r) => number(r[2], 4), key: (r) => r[2] }, { name: "IBS0", numeric: true, cell: (r) => number(r[4], 5), key: (r) => r[4] },
      { name: "sites", numeric: true, cell: (r) => number(r[5], 0), key: (r) => r[5] },
    ], rows, { page: 50, empty: meta.compared ? "No relatives at or above the limit, and none declared." : `Nobody was compared: ${meta.kinNote}.` }));
  }

  trendSection("call-set/summary.tsv", "The numbers of call-set/summary.tsv, of this generation and those before.");

  // --- samples ---
  {
    const box = section("samples", "Samples", "Click a sample for its own numbers; click a column to sort.");
    const search = element("input", { type: "search", placeholder: "sample, participant, site or group", "aria-label": "search samples" });
    const list = element("div", {});
    box.append(element("div", { class: "bar" }, search), list);
    const KEY = measures.map((_, m) => m).filter((m) => measures[m].watched && measures[m].dist);
    const draw = () => {
      const text = search.value.trim().toLowerCase(), rows = [];
      for (let row = 0; row < n; row++)
        if (!text || `${samples.id[row]} ${samples.participant[row]} ${samples.site[row]} ${samples.group[row]}`.toLowerCase().includes(text)) rows.push(row);
      list.replaceChildren(table([
        { name: "sample", cell: link, key: (row) => samples.id[row] }, { name: "site", cell: (row) => samples.site[row], key: (row) => samples.site[row] }, { name: "group", cell: (row) => samples.group[row], key: (row) => samples.group[row] },
      ].concat(KEY.map((m) => ({ name: nice(measures[m].name), title: measures[m].definition, numeric: true, cell: (row) => shown(m, row), key: (row) => value(m, row) }))), rows, { page: 100, empty: "No sample matches." }));
    };
    search.addEventListener("input", draw);
    draw();
  }

  // --- definitions ---
  section("definitions", "Definitions", "call-set/data_dictionary.tsv has every column of the tables.").append(table([
    { name: "number", cell: (m) => m.name }, { name: "unit", cell: (m) => m.unit }, { name: "definition", cell: (m) => m.definition }], measures, { page: 100, sortable: false }));

  // --- one sample ---
  const drawer = document.getElementById("drawer");
  function open(row) {
    const far = new Set(outliers.filter((o) => o[0] === row).map((o) => o[1]));
    drawer.replaceChildren(
      element("button", { class: "close", onclick: close, "aria-label": "close" }, "×"), element("h2", {}, samples.id[row]),
      element("div", { class: "facts" }, ...["participant", "site", "group"].filter((key) => samples[key][row]).map((key) => element("span", {}, `${key} `, element("b", {}, samples[key][row])))));
    const kin = data.kin.filter((k) => k[0] === samples.id[row] || k[1] === samples.id[row]);
    if (kin.length) drawer.append(element("p", {}, "Kin: ", ...kin.slice(0, 20).flatMap((k, i) => [i ? "; " : "", named(k[0] === samples.id[row] ? k[1] : k[0]), ` ${nice(k[3])} (${nice(k[7])})`])));
    drawer.append(table([
      { name: "number", cell: (m) => element("span", { title: measures[m].definition }, nice(measures[m].name)) }, { name: "value", numeric: true, cell: (m) => shown(m, row) },
      { name: "unit", cell: (m) => measures[m].unit }, { name: "cohort median", numeric: true, cell: (m) => measures[m].dist ? brief(measures[m].dist.q[1], measures[m].decimals) : "" },
      { name: "", cell: (m) => far.has(m) ? element("span", { class: "badge flag" }, "far") : "" },
    ], measures.map((_, m) => m).filter((m) => value(m, row) !== null), { page: 200, sortable: false }));
    drawer.hidden = false;
    drawer.scrollTop = 0;
    history.replaceState(null, "", `#sample=${encodeURIComponent(samples.id[row])}`);
  }
  function close() {
    drawer.hidden = true;
    history.replaceState(null, "", "#");
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !drawer.hidden) close(); });
  const wanted = /^#sample=(.*)$/.exec(location.hash);
  if (wanted && byId.has(decodeURIComponent(wanted[1]))) open(byId.get(decodeURIComponent(wanted[1])));
})();
