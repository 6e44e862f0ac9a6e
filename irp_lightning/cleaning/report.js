// Shows images in pages, keeps what is said of them, proposes the next look, and saves review.csv.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const PER_PAGE = 24;
const RIGHT = 0.85; // as in refinement/looks.py, of which the search below is a copy
const SPREAD = 0.7;

// What was said: in this page, and of the review that this run has followed. The browser keeps it where it may.
const store = `irp_lightning:${location.pathname}:${data.count}:${data.threshold}`;
let verdicts = { ...data.looks };
try {
  verdicts = { ...verdicts, ...JSON.parse(localStorage.getItem(store) ?? "{}") };
} catch {
  // A browser may forbid it; then a reload forgets.
}
const ranks = new Map(data.items.map((item) => [item.path, item.rank]));

// What was said of the images of this page, by rank.
function looks() {
  return Object.entries(verdicts)
    .filter(([path, defective]) => defective !== null && ranks.has(path))
    .map(([path, defective]) => [ranks.get(path), defective]);
}

function belief(seen) {
  const logs = [];
  for (let cut = 0; cut <= data.count; cut++) {
    let log = -Math.abs(Math.log((cut + 1) / (data.expected + 1))) / SPREAD - Math.log(cut + 1);
    for (const [rank, defective] of seen) log += Math.log(rank < cut === defective ? RIGHT : 1 - RIGHT);
    logs.push(log);
  }
  const most = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - most));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

function bestCut() {
  const seen = looks();
  if (!seen.length) return data.expected;
  let sum = 0;
  const found = belief(seen);
  for (let cut = 0; cut < found.length; cut++) {
    sum += found[cut];
    if (sum >= 0.5 - 1e-9) return cut;
  }
  return data.count;
}

// Identical files share a verdict, as in refinement/copies.py.
const copies = new Map();
for (const item of data.items) copies.set(item.copy, [...(copies.get(item.copy) ?? []), item]);

function verdictOf(item) {
  const said = copies.get(item.copy).map((other) => verdicts[other.path] ?? null);
  return said.find((verdict) => verdict !== null) ?? null;
}

// How many images the same command would remove with this review, as refinement/ranking.py does.
function going(cut) {
  const before = data.items.filter((item) => item.rank < cut);
  const unseen = cut - before.length; // not on this page
  const shown = data.items.filter((item) => verdictOf(item) ?? (item.rank < cut && !item.trusted));
  const others = Object.entries(verdicts).filter(([path, defective]) => defective && !ranks.has(path));
  return unseen + shown.length + others.length;
}

function nextLook(cut) {
  let best = null;
  for (const item of data.items) {
    if ((verdicts[item.path] ?? null) !== null) continue;
    const far = Math.abs(item.rank + 0.5 - cut);
    if (best === null || far < best.far) best = { item, far };
  }
  return best?.item ?? null;
}

// What is shown
const clusters = new Map();
for (const item of data.items) {
  if (item.cluster !== null) clusters.set(item.cluster, [...(clusters.get(item.cluster) ?? []), item]);
}
const many = [...clusters].filter(([, members]) => members.length > 1);
const removed = data.items.filter((item) => item.cluster !== null);
const kept = data.items.filter((item) => item.cluster === null);
const likely = data.items.filter((item) => item.grade === "likely");
const choices = [
  [`all suspects (${removed.length})`, () => removed],
  [`worth a look (${likely.length})`, () => likely],
  [`kept, next in line (${kept.length})`, () => kept],
  ["undecided suspects", () => removed.filter((i) => (verdicts[i.path] ?? null) === null)],
  ["all in order of suspicion", () => data.items],
  ...many.map(([number, members]) => [`similar: group ${number + 1} (${members.length})`, () => members]),
];
const which = byId("which");
choices.forEach(([name], i) => which.add(new Option(name, i)));
const everything = choices.findIndex(([, list]) => list() === data.items);
const first = Math.max(0, choices.findIndex(([, list]) => list().length));
let page = 0;
let shown = [];

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

// As in foundation/amounts.py: 0 % and 100 % are exact.
function percent(share) {
  for (let digits = 3; ; digits++) {
    const shown = Number((100 * share).toPrecision(digits));
    if (share >= 1 || shown < 100 || digits === 17) return `${shown} %`;
  }
}

function picture(uri, caption, alt) {
  const figure = element("figure");
  const image = element("img");
  Object.assign(image, { src: uri, alt, loading: "lazy" });
  figure.append(image, element("figcaption", "", caption));
  return figure;
}

function card(item) {
  const made = element("li", "item");
  made.tabIndex = -1;
  made.dataset.path = item.path;
  const pictures = element("div", "pictures");
  pictures.append(
    picture(item.picture, "the image", item.path),
    picture(item.map, "where it stands out", `anomaly map of ${item.path}`),
    picture(data.pictures[item.alike], `most like ${item.alike}`, item.alike),
  );
  const look = item.grade === "likely" ? ", worth a look" : "";
  const where = (item.cluster === null ? "kept" : `removed in round ${item.round}`) + look;
  const group = item.cluster !== null && clusters.get(item.cluster).length > 1 ? `, similar: group ${item.cluster + 1}` : "";
  const says = `no. ${item.rank + 1}, score ${item.score.toPrecision(4)}, above ${percent(item.percentile / 100)} of the kept, ${where}${group}`;
  const buttons = element("div", "buttons");
  for (const [key, word, verdict] of [["n", "normal", false], ["d", "defective", true]]) {
    const button = element("button", key, word);
    button.type = "button";
    button.addEventListener("click", () => {
      say([item], verdicts[item.path] === verdict ? null : verdict);
    });
    buttons.append(button);
  }
  if (group) {
    const button = element("button", "all", "all of its group defective");
    button.type = "button";
    button.addEventListener("click", () => say(clusters.get(item.cluster), true));
    buttons.append(button);
  }
  made.append(pictures, element("p", "name", item.path), element("p", "says", says));
  if (item.why) made.append(element("p", "why", item.why));
  made.append(buttons);
  mark(made);
  return made;
}

function mark(card) {
  const verdict = verdicts[card.dataset.path] ?? null;
  card.classList.toggle("normal", verdict === false);
  card.classList.toggle("defective", verdict === true);
  card.querySelector(".n").setAttribute("aria-pressed", verdict === false);
  card.querySelector(".d").setAttribute("aria-pressed", verdict === true);
}

function say(items, verdict) {
  for (const item of items) verdicts[item.path] = verdict;
  try {
    localStorage.setItem(store, JSON.stringify(verdicts));
  } catch {
    // see above
  }
  document.querySelectorAll(".item").forEach(mark);
  progress();
}

function progress() {
  const said = Object.values(verdicts).filter((v) => v !== null);
  const defective = said.filter(Boolean).length;
  const cut = bestCut();
  byId("progress").textContent =
    `${said.length} reviewed: ${defective} defective, ${said.length - defective} normal; by this review ` +
    `${going(cut)} of ${data.count} images would be removed`;
  byId("propose").disabled = nextLook(cut) === null;
}

function draw(focus) {
  const pages = Math.max(1, Math.ceil(shown.length / PER_PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  byId("items").replaceChildren(...shown.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(card));
  byId("page").textContent = shown.length ? `page ${page + 1} of ${pages}` : "nothing to show";
  byId("before").disabled = page === 0;
  byId("after").disabled = page === pages - 1;
  if (focus !== undefined) {
    const found = [...document.querySelectorAll(".item")].find((c) => c.dataset.path === focus);
    (found ?? document.querySelector(".item"))?.focus();
  }
}

function show(choice, path) {
  which.value = choice;
  shown = choices[choice][1]();
  const at = path === undefined ? 0 : shown.findIndex((item) => item.path === path);
  page = Math.floor(Math.max(0, at) / PER_PAGE);
  draw(path);
}

function lookAtNext() {
  const next = nextLook(bestCut());
  if (next !== null) show(everything, next.path);
}

which.addEventListener("change", () => show(Number(which.value)));
byId("propose").addEventListener("click", lookAtNext);
for (const [id, step] of [["before", -1], ["after", 1]]) {
  byId(id).addEventListener("click", () => {
    page += step;
    draw();
    byId("suspects").scrollIntoView();
  });
}

byId("items").addEventListener("keydown", (event) => {
  const card = event.target.closest(".item");
  if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
  const item = data.items.find((i) => i.path === card.dataset.path);
  const keys = { n: false, d: true, u: null };
  if (event.key in keys) say([item], keys[event.key]);
  else if (event.key === "l") lookAtNext();
  else if (event.key === "ArrowRight" || event.key === "ArrowDown") card.nextElementSibling?.focus();
  else if (event.key === "ArrowLeft" || event.key === "ArrowUp") card.previousElementSibling?.focus();
  else return;
  event.preventDefault();
});

// A text that no spreadsheet runs, as foundation/cells.py writes it.
function asCell(text) {
  return /^'*[-=+@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
}

byId("save").addEventListener("click", () => {
  const quoted = (text) => `"${asCell(text).replaceAll('"', '""')}"`;
  const rows = Object.entries(verdicts)
    .filter(([, verdict]) => verdict !== null)
    .map(([path, verdict]) => `${quoted(path)},${verdict ? "defective" : "normal"}`);
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([`path,verdict\n${rows.join("\n")}\n`], { type: "text/csv" }));
  link.download = "review.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

// The histogram and its threshold
const all = [...data.kept, ...data.removed];
const [lowest, highest] = [Math.min(...all), Math.max(...all, data.threshold) * 1.02];
const BARS = 60;
const WIDTH = 720;
const HEIGHT = 190;
const x = (score) => ((score - lowest) / (highest - lowest || 1)) * WIDTH;
const bars = [data.kept, data.removed].map((scores) => {
  const counts = new Array(BARS).fill(0);
  for (const s of scores) counts[Math.min(BARS - 1, Math.floor((x(s) / WIDTH) * BARS))] += 1;
  return counts;
});
const tallest = Math.max(1, ...bars[0].map((count, i) => count + bars[1][i]));
const tall = (count) => (count ? Math.max(2, (count / tallest) * (HEIGHT - 10)) : 0);
const made = bars[0].map((count, i) => {
  const [left, width] = [(i * WIDTH) / BARS, WIDTH / BARS - 1];
  const [below, above] = [tall(count), tall(bars[1][i])];
  return (
    `<rect class="bar-kept" x="${left}" y="${HEIGHT - below}" width="${width}" height="${below}"/>` +
    `<rect class="bar-gone" x="${left}" y="${HEIGHT - below - above}" width="${width}" height="${above}"/>`
  );
});
byId("histogram").innerHTML =
  `${made.join("")}<line class="cut" id="cut" y1="0" y2="${HEIGHT}"/>` +
  `<text x="2" y="210">${lowest.toPrecision(3)}</text>` +
  `<text x="${WIDTH - 2}" y="210" text-anchor="end">${highest.toPrecision(3)}</text>`;

function alarms(threshold) {
  const above = (scores) => scores.filter((score) => score > threshold).length;
  const share = (count, of) => (of ? percent(count / of) : "–");
  const [k, r] = [above(data.kept), above(data.removed)];
  byId("cut").setAttribute("x1", x(threshold));
  byId("cut").setAttribute("x2", x(threshold));
  byId("alarms").textContent =
    `Threshold ${threshold.toPrecision(4)} would raise alarms for ${k} of ${data.kept.length} kept images ` +
    `(${share(k, data.kept.length)}) and ${r} of ${data.removed.length} removed ones (${share(r, data.removed.length)}).`;
}
const slider = byId("slider");
slider.value = (1000 * x(data.threshold)) / WIDTH;
slider.addEventListener("input", () => alarms(lowest + (slider.value / 1000) * (highest - lowest)));
alarms(data.threshold);

// Print has no pages to turn.
let turned = 0;
addEventListener("beforeprint", () => {
  turned = page;
  byId("items").replaceChildren(...shown.slice(0, 200).map(card));
});
addEventListener("afterprint", () => {
  page = turned;
  draw();
});
show(first);
progress();
