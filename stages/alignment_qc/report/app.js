// SPDX-License-Identifier: MIT
// The QC report: draws the page from the JSON in it. Without the charts bundle it shows tables and strips only.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { charts, element, number, brief, grouped, nice, section, plot, table, trendSection, chartsNote, color, COLORS, PALETTE } = window.kuniParts;
  const { metrics, samples, meta } = data;
  const OUTCOMES = ["not judged", "pass", "flag", "fail"];
  const OUTCOME_CLASS = ["", "pass", "flag", "fail"];
  const index = new Map(metrics.map((metric, i) => [metric.name, i]));
  const n = samples.id.length;

  const value = (metric, row) => samples.values[metric][row];
  const shown = (metric, row) => brief(value(metric, row), metrics[metric].decimals);
  const badge = (outcome) => element("span", { class: `badge ${OUTCOME_CLASS[outcome]}` }, OUTCOMES[outcome]);
  const link = (row) => element("button", { class: "link", onclick: () => open(row) }, samples.id[row]);
  const byId = new Map(samples.id.map((id, row) => [id, row]));
  // --- overview ---
  document.getElementById("subtitle").textContent = `Stage ${meta.stage} · ${number(meta.samples, 0)} samples · threshold profile “${meta.profile}”`;
  document.title = `Alignment QC · ${number(meta.samples, 0)} samples`;
  {
    const box = section("overview", "Overview");
    const tile = (kind, count, text, act) => element("div", { class: `tile ${kind} ${act ? "act" : ""}`, onclick: act || (() => {}) }, element("b", {}, number(count, 0)), element("span", {}, text));
    const go = (outcome) => () => { filter.outcome = outcome; drawSamples(); document.getElementById("samples").scrollIntoView(); };
    box.append(element("div", { class: "tiles" },
      tile("fail", meta.fail, "samples fail", go("fail")), tile("flag", meta.flag, "samples flagged", go("flag")),
      tile("pass", meta.pass, "samples pass", go("pass")),
      meta.notJudged ? tile("", meta.notJudged, "samples not judged", go("not judged")) : null,
      tile("", meta.absent, "without data (quarantined, or not reads)"),
      tile("", data.kin.filter((kin) => kin[7] === "conflict").length, meta.fingerprints ? "identity conflicts" : "identity: see call-set.html (no panel given here)")));
    if (!meta.whole) {
      const bp = metrics[index.get("autosome_bp")].dist;
      box.append(element("p", { class: "warn" }, `Part of a genome was processed (${number(bp ? bp.q[8] : 0, 0)} non-gap autosomal positions): every metric is over the regions processed, and limits for whole genomes are not judged.`));
    }
    if (meta.shown < meta.samples) box.append(element("p", { class: "warn" }, `${number(meta.shown, 0)} of ${number(meta.samples, 0)} samples are listed, those in trouble first; distributions are of all. The rest stands in sample_qc.tsv.`));
    if (!charts) box.append(chartsNote());
  }

  // --- failures first ---
  {
    const box = section("failures", "Failures and flags", "One line a reason, failing samples first. failures.tsv holds the same, ordered by site, to be sent to the laboratories.");
    const rows = data.reasons.slice().sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const counts = new Map();
    for (const reason of rows) {
      const key = reason[2];
      const entry = counts.get(key) || { fail: 0, flag: 0 };
      entry[OUTCOMES[reason[1]]]++;
      counts.set(key, entry);
    }
    if (counts.size) {
      const sites = new Map();
      for (const row of new Set(rows.map((r) => r[0]))) {
        const site = samples.site[row] || "(no site)";
        const entry = sites.get(site) || { fail: 0, flag: 0, all: 0 };
        entry[OUTCOMES[samples.outcome[row]]]++;
        sites.set(site, entry);
      }
      samples.site.forEach((site) => { const entry = sites.get(site || "(no site)"); if (entry) entry.all++; });
      const list = (title, map, all) => element("div", { class: "card" }, element("h3", {}, title), table([
        { name: "", cell: (r) => nice(r[0]), key: (r) => r[0] },
        { name: "fail", numeric: true, cell: (r) => number(r[1].fail, 0), key: (r) => r[1].fail },
        { name: "flag", numeric: true, cell: (r) => number(r[1].flag, 0), key: (r) => r[1].flag },
      ].concat(all ? [{ name: "samples", numeric: true, cell: (r) => number(r[1].all, 0), key: (r) => r[1].all }] : []),
      [...map.entries()].sort((a, b) => b[1].fail - a[1].fail || b[1].flag - a[1].flag), { page: 8 }));
      box.append(element("div", { class: "wide", style: "margin-bottom:14px" }, list("By reason", counts, false), list("By site", sites, true)));
    }
    box.append(table([
      { name: "outcome", cell: (r) => badge(r[1]), key: (r) => r[1] },
      { name: "sample", cell: (r) => link(r[0]), key: (r) => samples.id[r[0]] },
      { name: "site", cell: (r) => samples.site[r[0]], key: (r) => samples.site[r[0]] },
      { name: "metric", cell: (r) => nice(r[2]), key: (r) => r[2] },
      { name: "value", numeric: true, cell: (r) => grouped(r[3]) },
      { name: "limit", numeric: true, cell: (r) => r[4] === "NA" ? "" : grouped(r[4]) },
      { name: "advice", cell: (r) => r[5] },
    ], rows, { page: 50, empty: "No sample fails or is flagged." }));
  }

  // --- distributions ---
  const limitsOf = (metric) => {
    const rule = metric.rule;
    if (!rule) return [];
    const span = metric.dist ? metric.dist.high - metric.dist.low || Math.abs(metric.dist.high) || 1 : 1;
    const near = (at) => metric.dist && at > metric.dist.low - span && at < metric.dist.high + span;
    return [["failBelow", "fail"], ["failAbove", "fail"], ["flagBelow", "flag"], ["flagAbove", "flag"]]
      .filter(([key]) => rule[key] !== undefined)
      .map(([key, kind]) => ({ value: rule[key], color: COLORS[kind], kind, near: near(rule[key]), text: `${kind === "fail" ? "fails" : "flags"} ${key.endsWith("Below") ? "below" : "above"} ${brief(rule[key], rule[key] >= 1e6 ? 0 : Math.min(6, (String(rule[key]).split(".")[1] || "").length))}` }));
  };
  function outliersOf(m, most) {
    const dist = metrics[m].dist;
    if (!dist || dist.n < 10) return [];
    const scale = Math.max((dist.q[5] - dist.q[3]) / 1.349, (dist.q[6] - dist.q[2]) / 4.5, 10 ** -metrics[m].decimals, Math.abs(dist.q[4]) * 1e-3);
    const found = [];
    for (let row = 0; row < n; row++) {
      const v = value(m, row);
      if (v === null) continue;
      const z = (v - dist.q[4]) / scale;
      if (Math.abs(z) > 5) found.push([row, z]);
    }
    return { all: found.length, rows: found.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, most).map((f) => f[0]) };
  }
  const binsOf = (dist) => {
    const width = (dist.high - dist.low) / dist.bins.length || Math.abs(dist.high) * 0.02 || 1;
    const low = dist.high > dist.low ? dist.low : dist.low - width / 2;
    return dist.bins.map((count, i) => [low + i * width, low + (i + 1) * width, count]);
  };
  {
    const box = section("distributions", "Distributions over the cohort", "Dashed lines are the profile's limits (red fails, amber flags). Named are samples more than five robust deviations from the median; click a bar to list its samples. The first and last bar hold all that lies beyond.");
    const draw = (list, parent) => {
      const grid = element("div", { class: "grid" });
      for (const m of list) {
        const metric = metrics[m], dist = metric.dist;
        const card = element("div", { class: "card" }, element("h3", { title: metric.definition }, nice(metric.name)),
          element("div", { class: "sub" }, dist ? `median ${brief(dist.q[4], metric.decimals)} · 5–95 % ${brief(dist.q[2], metric.decimals)} to ${brief(dist.q[6], metric.decimals)} ${metric.unit === "fraction" || metric.unit === "ratio" ? "" : metric.unit}` : "not known for any sample"));
        grid.append(card);
        if (!dist) continue;
        plot(card, "", (place) => charts.histogram(place, { bins: binsOf(dist), limits: limitsOf(metric), unit: metric.unit,
          onPick: (low, high) => { filter.range = { m, low: low <= dist.low ? -Infinity : low, high: high >= dist.high ? Infinity : high }; drawSamples(); document.getElementById("samples").scrollIntoView(); } }));
        const limits = limitsOf(metric).map((limit) => limit.text).join(" · ");
        const named = outliersOf(m, 4);
        const line = element("div", { class: "outliers" });
        if (limits) line.append(`${limits}${metric.rule.scope === "genome" && !meta.whole ? " (whole genomes only)" : ""}. `);
        if (named.all) {
          line.append("Outliers: ");
          named.rows.forEach((row, i) => line.append(i ? ", " : "", link(row), ` ${shown(m, row)}`));
          if (named.all > named.rows.length) line.append(` and ${number(named.all - named.rows.length, 0)} more`);
        }
        card.append(line);
      }
      parent.append(grid);
    };
    const known = (m) => metrics[m].dist;
    const all = metrics.map((_, m) => m);
    draw(all.filter((m) => metrics[m].ga4gh && known(m)), box);
    const unknown = all.filter((m) => metrics[m].ga4gh && !known(m));
    if (unknown.length) box.append(element("p", { class: "note", style: "margin-top:10px" }, `Not known in this run: ${unknown.map((m) => nice(metrics[m].name)).join(", ")}. Variant counts need calling upstream (needs: [call]); contamination needs a panel and enough of its sites.`));
    const more = element("details", { style: "margin-top:14px" }, element("summary", {}, "Further metrics of kuni"));
    box.append(more);
    draw(all.filter((m) => !metrics[m].ga4gh && known(m)), more);
  }

  // --- curves ---
  const DIGITS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].map((c, i) => [c, i]));
  function decode(text, shape) {
    const values = [];
    for (let i = 0; i < text.length; i += 2) {
      const level = DIGITS.get(text[i]) * 64 + DIGITS.get(text[i + 1]);
      values.push(level === 4095 ? null : level * shape.unit);
    }
    const lines = [];
    for (let line = 0; line < shape.lines; line++) lines.push(values.slice(line * shape.points, (line + 1) * shape.points));
    return lines;
  }
  const lineNames = (shape) => shape.lines === 2 ? ["first reads, median", "last reads, median"] : ["median"];
  const bandsOf = (shape) => {
    const quantiles = shape.bands.map((band) => decode(band, shape));
    return lineNames(shape).map((name, line) => {
      // Points without any sample at the ends are left out.
      let stop = shape.points, first = 0;
      while (stop > 1 && quantiles[2][line][stop - 1] === null) stop--;
      while (first < stop - 1 && quantiles[2][line][first] === null) first++;
      if (shape.name === "coverage") while (stop > 11 && quantiles[4][line][stop - 2] === 0) stop--;
      if (shape.name === "insert") while (stop > 11 && quantiles[4][line][stop - 2] === 0) stop--;
      const x = [];
      for (let i = first; i < stop; i++) x.push(shape.xFirst + i * shape.xStep);
      return { name, x, first, quantiles: quantiles.map((q) => q[line].slice(first, stop)) };
    });
  };
  const ownLines = (row, c, bands) => {
    const own = data.own[row];
    return own ? decode(own[c], data.curves[c]).map((values, line) => values.slice(bands[line].first, bands[line].first + bands[line].x.length)) : null;
  };
  function curveCard(parent, c, rows, height) {
    const shape = data.curves[c];
    const bands = bandsOf(shape);
    if (bands[0].quantiles[2].every((v) => v === null)) return;
    const card = element("div", { class: "card" }, element("h3", {}, shape.title));
    parent.append(card);
    plot(card, height, (place) => charts.curves(place, { xLabel: shape.xLabel, yLabel: shape.yLabel, bands,
      own: rows.map((one) => ({ name: one.name, lines: ownLines(one.row, c, bands), color: one.color, width: one.width, opacity: one.opacity })).filter((one) => one.lines),
      onPick: (name) => byId.has(name) && open(byId.get(name)) }));
  }
  {
    const box = section("profiles", "Profiles over the cohort", "Bands hold 50 % and 90 % of the samples, the line is the median (blue: first reads or all, brown: last reads). Failing samples are drawn in red, flagged ones in amber, thin, at most 16, the median above them: click a line for its sample.");
    if (charts) {
      const rows = [];
      for (let row = 0; row < n && rows.length < 16; row++)
        if (samples.outcome[row] >= 2 && data.own[row]) rows.push({ row, name: samples.id[row], color: COLORS[OUTCOMES[samples.outcome[row]]], width: 0.8, opacity: 0.55 });
      const grid = element("div", { class: "wide" });
      box.append(grid);
      data.curves.forEach((_, c) => curveCard(grid, c, rows, "tall"));
    } else box.append(element("p", { class: "note" }, "Drawn where the charts are built in."));
  }

  // --- contigs ---
  if (data.contigs && data.contigs.length) {
    const box = section("contigs", "Coverage of contigs", "Over that of the autosomes of the same sample: 5, 25, 50, 75 and 95 % of the samples. contig_coverage.tsv has every sample.", "Contigs");
    if (charts) {
      const made = element("div", { class: "card" });
      box.append(made);
      // Mitochondria have many copies: beside them nothing else would be seen.
      const few = data.contigs.filter((c) => c.q[2] < 4), many = data.contigs.filter((c) => c.q[2] >= 4);
      plot(made, "tall", (place) => charts.ranges(place, { yLabel: "coverage / autosomes", names: few.map((c) => c.name.replace(/^chr/, "")), quantiles: few.map((c) => c.q) }));
      if (many.length) made.append(element("div", { class: "outliers" }, `Not drawn: ${many.map((c) => `${c.name}, median ${number(c.q[2], 1)} (5–95 % ${number(c.q[0], 1)} to ${number(c.q[4], 1)})`).join("; ")}.`));
    } else box.append(table([{ name: "contig", cell: (c) => c.name }].concat(["5 %", "25 %", "median", "75 %", "95 %"].map((name, i) => ({ name, numeric: true, cell: (c) => number(c.q[i], 3) }))), data.contigs, { page: 60, sortable: false }));
  }

  // --- laboratories ---
  {
    const box = section("laboratories", "Laboratories over time", "Samples in the order in which they came (columns of the call set), coloured by site: a step or a drift that one colour has alone is a laboratory's. The table has the medians of each site; marked are those more than three robust deviations of single samples from the cohort's.", "Laboratories");
    const WATCHED = ["mean_autosome_coverage", "pct_duplicates", "mean_insert_size", "pct_mismatches", "cross_contamination_rate", "pct_autosomes_15x"].map((name) => index.get(name)).filter((m) => m !== undefined && metrics[m].dist);
    const names = [...new Set(samples.site)].sort();
    const median = (values) => values.length ? values.sort((a, b) => a - b)[Math.floor(values.length / 2)] : null;
    if (charts) {
      const grid = element("div", { class: "wide" });
      box.append(grid);
      for (const m of WATCHED) {
        const card = element("div", { class: "card" }, element("h3", {}, nice(metrics[m].name)));
        grid.append(card);
        plot(card, "tall", (place) => {
          const groups = names.slice(0, 8).map((name, i) => ({ name: name || "(no site)", key: name, color: PALETTE[i], points: [], opacity: 0.7 })).concat({ name: "others", key: null, color: "var(--none)", points: [], opacity: 0.5 });
          const at = new Map(groups.map((group) => [group.key, group]));
          for (let row = 0; row < n; row++) if (value(m, row) !== null) (at.get(samples.site[row]) || groups[groups.length - 1]).points.push([samples.column[row] + 1, value(m, row), samples.id[row], row]);
          charts.scatter(place, { xLabel: "order of arrival", yLabel: metrics[m].unit, size: n > 3000 ? 3 : 5, groups: groups.filter((g) => g.points.length), onPick: open });
        });
      }
    }
    const rows = names.map((name) => {
      const of = [];
      for (let row = 0; row < n; row++) if (samples.site[row] === name) of.push(row);
      return { name, count: of.length, medians: WATCHED.map((m) => median(of.map((row) => value(m, row)).filter((v) => v !== null))) };
    });
    const far = (m, v) => { const q = metrics[m].dist.q; const scale = (q[5] - q[3]) / 1.349; return v !== null && scale > 0 && Math.abs(v - q[4]) > 3 * scale; };
    box.append(element("div", { style: "margin-top:14px" }, table([
      { name: "site", cell: (r) => r.name || "(no site)", key: (r) => r.name }, { name: "samples", numeric: true, cell: (r) => number(r.count, 0), key: (r) => r.count },
    ].concat(WATCHED.map((m, i) => ({ name: nice(metrics[m].name), numeric: true, key: (r) => r.medians[i], cell: (r) => far(m, r.medians[i]) ? element("span", { class: "badge flag" }, brief(r.medians[i], metrics[m].decimals)) : brief(r.medians[i], metrics[m].decimals) }))), rows, { page: 40 })));
  }

  // --- sex, ancestry, contamination ---
  {
    const box = section("identity", "Sex, ancestry and contamination");
    const mismatches = [];
    for (let row = 0; row < n; row++) if (samples.sexCheck[row] === "mismatch") mismatches.push(row);
    const karyotypes = new Map();
    samples.karyotype.forEach((name) => karyotypes.set(name, (karyotypes.get(name) || 0) + 1));
    box.append(element("p", { class: "note" }, `Karyotypes: ${[...karyotypes.entries()].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${number(count, 0)}`).join(", ") || "none"}. `, mismatches.length ? "Against the declared sex: " : "None contradicts the declared sex.", ...mismatches.slice(0, 12).flatMap((row, i) => [i ? ", " : "", link(row)])));
    const grid = element("div", { class: "wide" });
    const x = index.get("x_coverage_ratio"), y = index.get("y_coverage_ratio");
    if (metrics[x].dist && metrics[y].dist && charts) {
      const card = element("div", { class: "card" }, element("h3", {}, "Coverage of X and Y"), element("div", { class: "sub" }, "over autosomes; boxes are the ranges of the karyotypes; red contradicts the manifest"));
      const groups = [["declared female", "female", PALETTE[3]], ["declared male", "male", PALETTE[0]], ["undeclared", "unknown", PALETTE[7]]]
        .map(([name, sex, color]) => ({ name, color, points: [], sex })).concat({ name: "mismatch", color: "var(--fail)", points: [], size: 11, z: 4, opacity: 1 });
      for (let row = 0; row < n; row++) {
        if (value(x, row) === null || value(y, row) === null) continue;
        const group = samples.sexCheck[row] === "mismatch" ? groups[3] : groups.find((g) => g.sex === samples.declared[row]);
        group.points.push([value(x, row), value(y, row), samples.id[row], row]);
      }
      plot(card, "square", (place) => charts.scatter(place, { xLabel: "X / autosomes", yLabel: "Y / autosomes", groups: groups.filter((g) => g.points.length), onPick: open,
        boxes: [["XX", 0.8, 1.25, 0, 0.12], ["XY", 0.35, 0.65, 0.25, 0.65], ["X0", 0.35, 0.65, 0, 0.12], ["XXY", 0.8, 1.25, 0.25, 0.65], ["XYY", 0.35, 0.65, 0.7, 1.3], ["XXX", 1.3, 1.75, 0, 0.12]].map(([label, a, b, c, d]) => ({ label, x: [a, b], y: [c, d] })) }));
      grid.append(card);
    }
    const rate = index.get("cross_contamination_rate"), hets = index.get("ratio_heterozygous_homzygous_snv");
    const other = metrics[hets].dist ? hets : index.get("mean_autosome_coverage");
    if (metrics[rate].dist && charts) {
      const card = element("div", { class: "card" }, element("h3", {}, "Contamination"), element("div", { class: "sub" }, `against ${nice(metrics[other].name)}`));
      const groups = ["not judged", "pass", "flag", "fail"].map((name, i) => ({ name, color: ["#7b8794", "#4a7ab0", COLORS.flag, COLORS.fail][i], points: [], z: i + 2 }));
      for (let row = 0; row < n; row++)
        if (value(rate, row) !== null && value(other, row) !== null) groups[samples.outcome[row]].points.push([value(other, row), 100 * value(rate, row), samples.id[row], row]);
      plot(card, "square", (place) => charts.scatter(place, { xLabel: nice(metrics[other].name), yLabel: "contamination (%)", groups: groups.filter((g) => g.points.length), onPick: open }));
      grid.append(card);
    }
    if (samples.pcs[0].some((pc) => pc !== null) && charts) {
      const card = element("div", { class: "card" }, element("h3", {}, "Ancestry coordinates"), element("div", { class: "sub" }, "principal components of the panel, coloured by declared group"));
      const names = [...new Set(samples.group)].sort().slice(0, 8);
      const groups = names.map((name, i) => ({ name: name || "(no group)", key: name, color: PALETTE[i], points: [] })).concat({ name: "others", color: "#b5bec8", points: [] });
      for (let row = 0; row < n; row++) {
        if (samples.pcs[0][row] === null) continue;
        (groups.find((g) => g.key === samples.group[row]) || groups[groups.length - 1]).points.push([samples.pcs[0][row], samples.pcs[1][row], samples.id[row], row]);
      }
      plot(card, "square", (place) => charts.scatter(place, { xLabel: "PC1", yLabel: "PC2", groups: groups.filter((g) => g.points.length), onPick: open }));
      grid.append(card);
    }
    if (grid.children.length) box.append(grid);
    else box.append(element("p", { class: "note" }, charts ? "Nothing to draw: X, Y and autosomes, or a contamination panel, were not part of this run." : ""));
  }

  // --- relatives ---
  {
    const box = section("relatives", "Relatives, duplicates and swaps", "KING-robust kinship between all pairs. A conflict contradicts the manifest: two samples of a person that differ, two persons that do not, or a declared parent or sibling who is none. Identical twins look like duplicates.");
    const rows = data.kin.slice().sort((a, b) => (b[7] === "conflict") - (a[7] === "conflict") || b[2] - a[2]);
    const name = (id) => byId.has(id) ? link(byId.get(id)) : id;
    if (rows.length && charts) {
      const card = element("div", { class: "card", style: "max-width:640px;margin-bottom:14px" });
      const kinds = [["conflict", COLORS.fail], ["undeclared", COLORS.flag], ["expected", COLORS.pass]];
      plot(card, "tall", (place) => charts.scatter(place, { xLabel: "share of opposite homozygotes (IBS0)", yLabel: "kinship", size: 8,
        groups: kinds.map(([kind, color]) => ({ name: kind, color, points: data.kin.filter((k) => k[7] === kind).slice(0, 20000).map((k) => [k[4], k[2], `${k[0]} and ${k[1]}`]) })).filter((g) => g.points.length) }));
      box.append(card);
    }
    box.append(table([
      { name: "verdict", cell: (r) => element("span", { class: `badge ${{ conflict: "fail", undeclared: "flag", expected: "pass" }[r[7]] || ""}` }, r[7]), key: (r) => r[7] },
      { name: "sample", cell: (r) => name(r[0]), key: (r) => r[0] }, { name: "sample", cell: (r) => name(r[1]), key: (r) => r[1] },
      { name: "relation found", cell: (r) => nice(r[3]), key: (r) => r[3] }, { name: "declared", cell: (r) => nice(r[6]), key: (r) => r[6] },
      { name: "kinship", numeric: true, cell: (r) => number(r[2], 4), key: (r) => r[2] },
      { name: "IBS0", numeric: true, cell: (r) => number(r[4], 5), key: (r) => r[4] },
      { name: "sites", numeric: true, cell: (r) => number(r[5], 0), key: (r) => r[5] },
    ], rows, { page: 50, empty: meta.fingerprints ? "No relatives at or above the limit." : "Not compared here, for want of a contamination_panel: call-set.html has the relatives by the call set's own sites." }));
  }

  trendSection("qc/summary.tsv", "The numbers of qc/summary.tsv, of this generation and those before.");

  // --- all samples ---
  const filter = { text: "", outcome: "", site: "", range: null };
  const samplesBox = section("samples", "Samples", "Click a sample for its own page; click a column to sort.");
  const KEY = ["mean_autosome_coverage", "pct_autosomes_15x", "yield_bp_q30", "cross_contamination_rate", "pct_reads_mapped", "pct_reads_properly_paired", "pct_duplicates", "mean_insert_size", "pct_mismatches", "count_snvs"]
    .map((name) => index.get(name)).filter((m) => metrics[m].dist);
  const list = element("div", {});
  const search = element("input", { type: "search", placeholder: "sample, participant or site", "aria-label": "search samples" });
  const outcomeChoice = element("select", { "aria-label": "outcome" }, element("option", { value: "" }, "all outcomes"), ...OUTCOMES.slice().reverse().map((name) => element("option", { value: name }, name)));
  const siteChoice = element("select", { "aria-label": "site" }, element("option", { value: "" }, "all sites"), ...[...new Set(samples.site)].filter(Boolean).sort().map((site) => element("option", { value: site }, site)));
  const rangeNote = element("span", {});
  search.addEventListener("input", () => { filter.text = search.value; drawSamples(); });
  outcomeChoice.addEventListener("change", () => { filter.outcome = outcomeChoice.value; drawSamples(); });
  siteChoice.addEventListener("change", () => { filter.site = siteChoice.value; drawSamples(); });
  samplesBox.append(element("div", { class: "bar" }, search, outcomeChoice, siteChoice, rangeNote), list);
  function drawSamples() {
    outcomeChoice.value = filter.outcome;
    rangeNote.replaceChildren();
    if (filter.range) {
      const { m, low, high } = filter.range, d = metrics[m].decimals;
      rangeNote.append(`${nice(metrics[m].name)} ${isFinite(low) ? `from ${number(low, d)} ` : ""}${isFinite(high) ? `to ${number(high, d)}` : "and more"} `, element("button", { class: "link", onclick: () => { filter.range = null; drawSamples(); } }, "clear"));
    }
    const text = filter.text.trim().toLowerCase();
    const rows = [];
    for (let row = 0; row < n; row++) {
      if (filter.outcome && OUTCOMES[samples.outcome[row]] !== filter.outcome) continue;
      if (filter.site && samples.site[row] !== filter.site) continue;
      if (text && !`${samples.id[row]} ${samples.participant[row]} ${samples.site[row]}`.toLowerCase().includes(text)) continue;
      if (filter.range) {
        const v = value(filter.range.m, row);
        if (v === null || v < filter.range.low || v > filter.range.high) continue;
      }
      rows.push(row);
    }
    list.replaceChildren(table([
      { name: "sample", cell: link, key: (row) => samples.id[row] },
      { name: "outcome", cell: (row) => badge(samples.outcome[row]), key: (row) => samples.outcome[row] },
      { name: "site", cell: (row) => samples.site[row], key: (row) => samples.site[row] },
      { name: "sex", cell: (row) => `${samples.karyotype[row]}${samples.sexCheck[row] === "mismatch" ? " ≠ " + samples.declared[row] : ""}`, key: (row) => samples.karyotype[row], title: "inferred karyotype; ≠ where it contradicts the manifest" },
    ].concat(KEY.map((m) => ({ name: nice(metrics[m].name).replace("autosome ", "").replace("cross contamination rate", "contamination").replace("pct ", "% "), title: metrics[m].definition, numeric: true, cell: (row) => shown(m, row), key: (row) => value(m, row) }))),
    rows, { page: 100, empty: "No sample matches." }));
  }
  drawSamples();

  // --- definitions ---
  {
    const box = section("definitions", "Definitions");
    box.append(table([
      { name: "metric", cell: (m) => m.name, key: (m) => m.name }, { name: "standard", cell: (m) => m.ga4gh ? "GA4GH WGS-QC v1" : "kuni", key: (m) => m.ga4gh },
      { name: "unit", cell: (m) => m.unit }, { name: "definition", cell: (m) => m.definition },
      { name: `limits of “${meta.profile}”`, cell: (m) => limitsOf(m).map((limit) => limit.text).join(", ") },
      { name: "source of the limits", cell: (m) => m.rule ? m.rule.source : "" },
    ], metrics, { page: 200, sortable: false }));
  }

  // --- one sample ---
  const drawer = document.getElementById("drawer");
  function strip(metric, v) {
    const made = element("div", { class: "strip", title: "cohort: 5–95 %, and this sample" });
    const q = metric.dist && metric.dist.q;
    if (!q || v === null) return "";
    const low = Math.min(q[1], v), high = Math.max(q[7], v), span = high - low || 1;
    const at = (x) => Math.max(0, Math.min(100, 100 * (x - low) / span));
    made.append(element("i", { style: `left:${at(q[2])}%;right:${100 - at(q[6])}%` }), element("u", { style: `left:calc(${at(v)}% - 1px)` }));
    return made;
  }
  function open(row) {
    const reasons = data.reasons.filter((reason) => reason[0] === row);
    drawer.replaceChildren(
      element("button", { class: "close", onclick: close, "aria-label": "close" }, "×"),
      element("h2", {}, samples.id[row], " ", badge(samples.outcome[row])),
      element("div", { class: "facts" }, ...[["participant", samples.participant[row]], ["site", samples.site[row]], ["group", samples.group[row]], ["declared sex", samples.declared[row]], ["karyotype", samples.karyotype[row]], ["sex check", samples.sexCheck[row]]]
        .filter(([, text]) => text).map(([name, text]) => element("span", {}, `${name} `, element("b", {}, text)))));
    if (reasons.length) drawer.append(table([
      { name: "outcome", cell: (r) => badge(r[1]) }, { name: "metric", cell: (r) => nice(r[2]) }, { name: "value", numeric: true, cell: (r) => grouped(r[3]) },
      { name: "limit", numeric: true, cell: (r) => r[4] === "NA" ? "" : grouped(r[4]) }, { name: "advice", cell: (r) => r[5] }], reasons, { sortable: false }));
    const kin = data.kin.filter((k) => k[0] === samples.id[row] || k[1] === samples.id[row]);
    if (kin.length) drawer.append(element("p", {}, "Kin: ", ...kin.slice(0, 20).flatMap((k, i) => {
      const other = k[0] === samples.id[row] ? k[1] : k[0];
      return [i ? "; " : "", byId.has(other) ? link(byId.get(other)) : other, ` ${nice(k[3])} (${k[7]}, kinship ${number(k[2], 3)})`];
    })));
    if (charts && data.own[row]) {
      const grid = element("div", { class: "wide", style: "margin:14px 0" });
      drawer.append(grid);
      data.curves.forEach((_, c) => curveCard(grid, c, [{ row, name: samples.id[row], color: "#c2185b", width: 1.8, opacity: 1 }], "tall"));
    } else if (charts) drawer.append(element("p", { class: "note" }, "Curves are kept in the page for samples in trouble and the first ones of the others; samtools_stats.tar.gz has them for every sample."));
    drawer.append(table([
      { name: "metric", cell: (m) => element("span", { title: metrics[m].definition }, nice(metrics[m].name)) },
      { name: "value", numeric: true, cell: (m) => shown(m, row) }, { name: "unit", cell: (m) => metrics[m].unit },
      { name: "cohort", cell: (m) => strip(metrics[m], value(m, row)) },
      { name: "cohort median", numeric: true, cell: (m) => metrics[m].dist ? brief(metrics[m].dist.q[4], metrics[m].decimals) : "" },
      { name: "limits", cell: (m) => limitsOf(metrics[m]).map((limit) => limit.text).join(", ") },
    ], metrics.map((_, m) => m).filter((m) => value(m, row) !== null), { page: 200, sortable: false }));
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
