#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages of the reports in a browser, 1280 and 400 pixels wide, in the light and in the dark scheme: nothing reaches out of the window or of
its card, no chart is empty or has ink at its edge (which is where something was cut off), texts are large enough and stand out from
what is behind them, and nothing is told as an error. The same pages, spoilt, must be found out.

usage: pages.py [PAGE...]    pages to look at, in place of those of two small cohorts; told is the CPU time to open them
environment: KUNI; QC_COHORT, the program tests/bench/qc_cohort; SHOTS, a folder for pictures of each page [none]
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

SIZES = {1280: 900, 400: 860}
SCHEMES = ("light", "dark")
SHOT = 1600  # pixels of a picture from top to bottom

# What is wrong with the page as it is, a line each; every chart has been drawn before.
LOOK = r"""
(() => {
  const faults = [], told = new Set();
  const say = (text) => { if (!told.has(text)) { told.add(text); faults.push(text); } };
  const wide = document.documentElement.clientWidth;
  const name = (node) => `${node.tagName.toLowerCase()}${node.className && node.className.baseVal === undefined ? "." + node.className : ""}` +
    ` in ${(node.closest("section") || { id: "the page" }).id || "a section"}, ${((node.closest(".card") || node).innerText || "").split("\n")[0].slice(0, 40)}`;
  if (document.scrollingElement.scrollWidth > wide) say(`the page is ${document.scrollingElement.scrollWidth} wide in a window of ${wide}`);

  // Boxes: inside of the window, and of their cards; what scrolls by itself may be wider inside.
  const scrolls = (node) => { for (let at = node.parentElement; at; at = at.parentElement) if (/auto|scroll/.test(getComputedStyle(at).overflowX) && at !== document.scrollingElement && at !== document.body) return true; return false; };
  for (const node of document.querySelectorAll("main *, header *")) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height || scrolls(node)) continue;
    if (box.left < -0.5 || box.right > wide + 0.5) say(`${name(node)}: from ${box.left.toFixed(0)} to ${box.right.toFixed(0)} of ${wide}`);
    const card = node.parentElement.closest(".card");
    if (!card) continue;
    const round = card.getBoundingClientRect();
    if (box.left < round.left - 0.5 || box.right > round.right + 0.5 || box.bottom > round.bottom + 0.5) say(`${name(node)} stands out of its card`);
  }

  // Charts: drawn, as large as their place, with something on them, and nothing at the edge.
  const plots = [...document.querySelectorAll(".plot")];
  for (const plot of plots) {
    const canvas = plot.querySelector("canvas"), box = plot.getBoundingClientRect();
    if (!box.width) continue; // of what is folded away
    if (!canvas) { say(`${name(plot)}: not drawn`); continue; }
    const own = canvas.getBoundingClientRect();
    if (Math.abs(own.width - box.width) > 1 || Math.abs(own.height - box.height) > 1) say(`${name(plot)}: a chart of ${own.width} x ${own.height} in a place of ${box.width} x ${box.height}`);
    if (box.width < 200) say(`${name(plot)}: ${box.width} wide is too little to read`);
    const { width, height } = canvas, pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const inked = (x, y) => pixels[4 * (y * width + x) + 3] > 40;
    let ink = 0;
    for (let y = 0; y < height; y += 2) for (let x = 0; x < width; x += 2) ink += inked(x, y);
    if (ink * 4 < width * height / 400) say(`${name(plot)}: nothing is drawn`);
    const edges = { left: 0, right: 0, top: 0, bottom: 0 };
    for (let y = 0; y < height; y++) { edges.left += inked(0, y); edges.right += inked(width - 1, y); }
    for (let x = 0; x < width; x++) { edges.top += inked(x, 0); edges.bottom += inked(x, height - 1); }
    for (const [edge, n] of Object.entries(edges)) if (n) say(`${name(plot)}: cut at the ${edge} (${n} pixels)`);
  }

  // Texts: contrast as WCAG 2 counts it, 4.5 or, of large ones, 3; not below 10 pixels.
  const parse = (text) => { const m = /rgba?\(([^)]*)\)/.exec(text); if (!m) return null; const v = m[1].split(/[ ,/]+/).map(Number); return [v[0], v[1], v[2], v.length > 3 ? v[3] : 1]; };
  const light = (c) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const behind = (node) => { for (let at = node; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c && c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const contrast = (a, b) => { const x = light(a), y = light(b); return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const seen = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = 0; walker.nextNode() && n < 20000; n++) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || /SCRIPT|STYLE|NOSCRIPT|OPTION/.test(node.tagName) || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), size = parseFloat(style.fontSize);
    if (size < 10) say(`${name(node)}: letters of ${size} pixels`);
    if (parseFloat(style.opacity) < 1 || node.disabled) continue;
    const pair = `${style.color} on ${behind(node)}`;
    if (!seen.has(pair)) seen.set(pair, contrast(parse(style.color), behind(node)));
    if (seen.get(pair) < (size >= 18.6 ? 3 : 4.5)) say(`${name(node)}: ${pair}, contrast ${seen.get(pair).toFixed(2)}`);
  }
  const root = getComputedStyle(document.documentElement);
  const hex = (v) => { let t = root.getPropertyValue(v).trim().slice(1); if (t.length === 3) t = [...t].map((c) => c + c).join(""); return [0, 2, 4].map((i) => parseInt(t.slice(i, i + 2), 16)); };
  for (const [ink, least] of [["--ink", 4.5], ["--quiet", 4.5], ["--bar", 2.5], ["--fail", 3], ["--flag", 3], ["--pass", 3]]) {
    const found = contrast(hex(ink), hex("--card"));
    if (found < least) say(`${ink} of charts on their cards: contrast ${found.toFixed(2)}`);
  }
  return { faults, plots: plots.length, dark: light(hex("--card")) < 0.2 };
})()
"""

# Draws all charts, the folded ones too; gives when they are there.
DRAW = r"""
(async () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  for (const plot of document.querySelectorAll(".plot")) if (!plot.drawn) plot.drawNow();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
  return document.querySelectorAll(".plot").length;
})()
"""

# Ways to spoil a page, and what must be said of it.
SPOILT = {
    "cut": ("document.querySelectorAll('.card').forEach((card) => { card.style.width = '700px'; })", "wide in a window of"),
    "narrow": ("document.querySelectorAll('.plot canvas').forEach((one) => { one.style.width = '80px'; })", "in a place of"),
    "empty": ("document.querySelectorAll('.plot canvas').forEach((one) => one.getContext('2d').clearRect(0, 0, 9999, 9999))", "nothing is drawn"),
    "edge": ("document.querySelectorAll('.plot canvas').forEach((one) => { const c = one.getContext('2d'); c.fillRect(0, 20, 60, 10); })", "cut at the left"),
    "faint": ("document.documentElement.style.setProperty('--quiet', '#b0b0b0')", "contrast"),
}


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


class Browser:
    """A headless Chromium, spoken to by its debugging pipe: JSON messages that end with a zero byte, descriptors 3 and 4."""

    def __init__(self, program, folder):
        commands, self.out = os.pipe()
        self.into, answers = os.pipe()
        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
                 "--hide-scrollbars", "--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile",
                 "--remote-debugging-pipe", "about:blank"]
        with open(f"{folder}/browser.log", "wb") as log:
            self.process = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash", *words], pass_fds=(commands, answers),
                                            stdout=log, stderr=log)
        os.close(commands)
        os.close(answers)
        self.sent, self.rest, self.session, self.said = 0, b"", None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Performance.enable", timeDomain="threadTicks")

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.into, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.rest += more
        line, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(line)
        what, of = message.get("method"), message.get("params", {})
        if what == "Runtime.exceptionThrown":
            self.said.append(of["exceptionDetails"].get("exception", {}).get("description") or of["exceptionDetails"]["text"])
        elif what == "Log.entryAdded" and of["entry"]["level"] == "error" and "trend.js" not in of["entry"].get("url", ""):
            self.said.append(of["entry"]["text"])
        return message

    def ask(self, method, **params):
        self.sent += 1
        order = {"id": self.sent, "method": method, "params": params}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.out, json.dumps(order).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.sent:
                want("error" not in message, f"{method}: {message.get('error')}")
                return message["result"]

    def run(self, script):
        result = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        want("exceptionDetails" not in result, f"{script[:60]}: {result.get('exceptionDetails')}")
        return result["result"].get("value")

    def cpu(self):
        """Seconds of the page's own thread."""
        return next(one["value"] for one in self.ask("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration")

    def scheme(self, name):
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def open(self, path, width):
        """Loads the page, with the charts that are in sight: seconds of CPU."""
        self.said.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=SIZES[width], deviceScaleFactor=1, mobile=width < 700)
        began = self.cpu()
        self.ask("Page.navigate", url=f"file://{os.path.abspath(path)}")
        while self.message().get("method") != "Page.loadEventFired":
            pass
        self.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
        now = self.cpu()
        return now - began if now >= began else now  # another process may have taken over

    def pictures(self, path):
        """Of all of the page, one below the other."""
        high, width = self.run("[document.scrollingElement.scrollHeight, document.documentElement.clientWidth]")
        for i, top in enumerate(range(0, high, SHOT)):
            clip = {"x": 0, "y": top, "width": width, "height": min(SHOT, high - top), "scale": 1}
            with open(f"{path}-{i:02}.png", "wb") as file:
                file.write(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]))

    def close(self):
        os.close(self.out)
        os.close(self.into)
        self.process.terminate()
        self.process.wait()


def examine(browser, path, charts, shots):
    """In the light scheme, and then in the dark one, which the reader may change to while the page is open."""
    for width in SIZES:
        browser.scheme("light")
        took = browser.open(path, width)
        for scheme in SCHEMES:
            which = f"{path}, {width} pixels, {scheme}"
            browser.scheme(scheme)
            began = browser.cpu()
            browser.run(DRAW)
            drawn = browser.cpu() - began
            found = browser.run(LOOK)
            if shots:
                browser.pictures(os.path.join(shots, f"{os.path.basename(os.path.dirname(path))}-{os.path.basename(path)}-{width}-{scheme}"))
            want(not browser.said, f"{which}: {browser.said}")
            want(not found["faults"], f"{which}:\n  " + "\n  ".join(found["faults"][:40]))
            want(found["dark"] == (scheme == "dark"), f"{which}: the scheme is not the reader's")
            want(found["plots"] > 5 or not charts, f"{which}: {found['plots']} charts")
            print(f"{which}: {found['plots']} charts; opened in {took:.1f} s of CPU, all drawn in {drawn:.1f} s", flush=True)


def spoil(browser, path):
    """What is in sight is enough."""
    browser.scheme("light")
    for what, (script, said) in SPOILT.items():
        browser.open(path, 400)
        browser.run(f"void ({script})")
        found = browser.run(LOOK)["faults"]
        want(any(said in fault for fault in found), f"a page that is spoilt ({what}) passes: {found}")


def make_pages():
    """The report of QC of a drawn cohort with all there is to draw, and both reports of a small run."""
    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        want(done.returncode == 0, f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")

    kuni = os.environ["KUNI"]
    run(os.environ["QC_COHORT"], "12", "drawn", "2000")
    run(kuni, "simulate", "--quiet", "-n", "12", "--trios", "2", "--contigs", "chr20:30k,chr21:20k,chrX:10k", "-d", "8", "-o", "cohort")
    run(kuni, "run", "--quiet", "cohort/workflow.yaml")
    current = "cohort/dataset/current"
    return ["drawn/report.html", f"{current}/qc/report.html", f"{current}/call-set.html"]


def main():
    program = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if not program:
        print("skipped: no Chromium on PATH")
        sys.exit(77)
    given, shots = [os.path.abspath(path) for path in sys.argv[1:]], os.environ.get("SHOTS")
    shots = os.path.abspath(shots) if shots else None
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            browser = Browser(program, place)
        except (EOFError, OSError):
            print("skipped: the browser does not run here")
            sys.exit(77)
        try:
            pages = given or make_pages()
            with open(pages[0], encoding="utf-8") as page:
                charts = 'window.kuniNoCharts = "' not in page.read()
            if not charts:
                print("left out: charts: this build has none")
            for path in pages:
                examine(browser, path, charts, shots)
            if not given and charts:
                spoil(browser, pages[0])
        finally:
            browser.close()
            os.chdir("/")


if __name__ == "__main__":
    main()
