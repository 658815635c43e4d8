// What the page shows, and what the user does.

import * as jobs from "./jobs.js";
import { authorise, json } from "./server.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const NEWS = 15000; // milliseconds between two announcements of progress to screen readers
const NAMES = { jpg: "JPEG", webp: "WebP", tif: "TIFF", jxl: "JPEG XL" }; // others are their suffixes in capitals

const viewer = new Viewer($("viewer"));
const cards = new Map(); // the card of each picture
const { pictures, isUnfinished } = jobs;
let selected = null;
let choices = [];
let lastNews = 0;

// ---- In words

function announce(text) {
  lastNews = performance.now();
  $("news").textContent = text;
}

function complain(text) {
  write($("trouble"), text);
  $("trouble").hidden = !text;
}

// Writes only what is new: screen readers say it whenever it is written.
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function time(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const percent = (job) => `${Math.floor(100 * job.fraction)} %`;

function progress(job) {
  if (job.state === "waiting") return job.ahead ? `Waiting, ${job.ahead} before it` : "Waiting";
  if (job.fraction === undefined) return "Enlarging";
  return `Enlarging, ${percent(job)}` + (job.left === undefined ? "" : `, about ${time(job.left)} left`);
}

function summary({ error, id, shown }) {
  if (error) return "failed";
  if (!id) return "uploading";
  if (shown?.state === "running") return shown.fraction === undefined ? "enlarging" : percent(shown);
  return shown?.state ?? "";
}

// ---- In pictures

function element(tag, attributes, ...children) {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}

function makeCard(picture) {
  const choose = element(
    "button",
    { type: "button", className: "card", onclick: () => select(picture) },
    element("img", { className: "thumb", alt: "" }),
    element("span", { className: "name", textContent: picture.name, title: picture.name }),
    element("span", { className: "state" }),
  );
  const remove = element("button", { type: "button", className: "remove", onclick: () => discard(picture) }, "×");
  remove.setAttribute("aria-label", `Remove ${picture.name}`);
  cards.set(picture, element("li", {}, choose, remove));
  $("pictures").append(cards.get(picture));
}

function render() {
  $("start").hidden = pictures.length > 0;
  $("work").hidden = $("run").hidden = !pictures.length;
  const place = pictures.length ? $("panel") : document.querySelector("main");
  if ($("settings").parentElement !== place) place.append($("settings"));
  pictures.forEach(renderCard);
  if (selected) renderSelected(selected, selected.shown);
  const [, running] = jobs.unfinished().find(([, job]) => job.fraction !== undefined) ?? [];
  document.title = running ? `${percent(running)} – jsr` : "jsr";
}

function renderCard(picture) {
  const card = cards.get(picture).querySelector(".card");
  const thumb = card.querySelector(".thumb");
  if (picture.url && thumb.src !== picture.url) thumb.src = picture.url;
  card.setAttribute("aria-current", picture === selected);
  card.classList.toggle("failed", summary(picture) === "failed");
  write(card.querySelector(".state"), summary(picture));
}

function renderSelected(picture, job) {
  const result = job?.state === "done" ? job : null;
  renderPicture(picture, result);
  renderProgress(picture, job);
  renderResults(picture, result);
  $("run").disabled = !picture.id;
}

function renderPicture(picture, result) {
  const sizes = [picture, result].filter((each) => each?.width).map(({ width, height }) => `${width} × ${height}`);
  write($("caption"), [picture.name, sizes.join(" → ")].filter(Boolean).join(", "));
  const after = result?.url ?? null;
  $("viewer").hidden = $("zoom").hidden = !picture.url && !after;
  // Before there is a result, the picture has the size that most results have.
  const [width, height] = result ? [result.width, result.height] : [4 * picture.width, 4 * picture.height];
  const view = [picture.url, after, width, height].join();
  if ($("viewer").dataset.view === view || $("viewer").hidden) return;
  $("viewer").dataset.view = view;
  viewer.show(picture.url, after, width, height).catch(() => {
    if ($("viewer").dataset.view === view) complain("This browser cannot show so large a picture; download it instead.");
  });
}

function renderProgress(picture, job) {
  const error = picture.error || job?.error || "";
  write($("failure").firstElementChild, error && `${picture.name} cannot be enlarged`);
  write($("failure").lastElementChild, error);
  $("failure").hidden = !error;
  $("progress").hidden = !job || !isUnfinished(job);
  if ($("progress").hidden) return;
  write($("doing"), progress(job));
  const bar = $("progress").querySelector("progress");
  if (job.fraction === undefined) bar.removeAttribute("value");
  else bar.value = job.fraction;
  if (performance.now() - lastNews > NEWS) announce(`${picture.name}: ${progress(job)}`);
}

function renderResults(picture, shown) {
  const done = picture.jobs.filter((job) => job.state === "done");
  $("results").hidden = !done.length;
  $("download").hidden = !shown;
  const versions = $("versions");
  const key = done.map((job) => job.id).join();
  if (versions.dataset.key !== key) {
    versions.dataset.key = key;
    versions.replaceChildren(versions.firstElementChild, ...done.map((job) => makeVersion(picture, job)));
  }
  done.forEach((job, i) => { versions.querySelectorAll("input")[i].checked = job === shown; });
  const notes = [...new Set([...(shown?.notes ?? []), ...(shown?.losses ?? [])])];
  if (shown && !shown.hasView) notes.unshift("browsers cannot show its values, but the download holds them");
  if ($("notes").dataset.text !== notes.join()) {
    $("notes").dataset.text = notes.join();
    $("notes").replaceChildren(...notes.map((text) => element("li", { textContent: text })));
  }
  const formats = shown?.formats ?? [];
  if (shown && $("format").dataset.names !== formats.join()) {
    const chosen = $("format").value;
    $("format").dataset.names = formats.join();
    $("format").replaceChildren(...formats.map((name) => new Option(NAMES[name] ?? name.toUpperCase(), name)));
    if (formats.includes(chosen)) $("format").value = chosen;
  }
}

function makeVersion(picture, job) {
  const show = () => {
    picture.shown = job;
    render();
  };
  const input = element("input", { type: "radio", name: "version", onchange: show });
  return element("label", {}, input, job.label, element("small", { textContent: time(job.seconds) }));
}

function renderSettings() {
  const { name, purpose } = choices[$("model").selectedIndex];
  write($("purpose"), purpose);
  $("blend").hidden = name !== "blend";
  for (const id of ["texture", "restore"]) write($(`${id}-value`), $(id).value);
}

// ---- What the user does

function settings() {
  const { name: model, label } = choices[$("model").selectedIndex];
  if (model !== "blend") return { model, label };
  const [texture, restore] = [Number($("texture").value), Number($("restore").value)];
  return { model, texture, restore, label: `Texture ${texture}, restore ${restore}` };
}

function select(picture) {
  selected = picture;
  render();
}

function add(files) {
  for (const file of files) {
    const picture = jobs.add(file, settings);
    makeCard(picture);
    selected ??= picture;
  }
  render();
}

function discard(picture) {
  const place = pictures.indexOf(picture);
  jobs.discard(picture);
  cards.get(picture).remove();
  cards.delete(picture);
  select(picture === selected ? pictures[Math.min(place, pictures.length - 1)] ?? null : selected);
  (selected ? cards.get(selected).querySelector(".card") : document.querySelector("#start [data-choose]")).focus();
}

async function download(picture, job) {
  try {
    job.losses = await jobs.download(picture, job, $("format").value);
    announce(["downloaded", ...job.losses].join("; "));
    complain("");
  } catch (error) {
    complain(error.message);
  }
  render();
}

function listen() {
  for (const button of document.querySelectorAll("[data-choose]")) button.onclick = () => $("files").click();
  $("files").onchange = () => {
    add($("files").files);
    $("files").value = ""; // so that the same file can be chosen again
  };
  const drag = (event, isOver) => {
    event.preventDefault();
    document.body.classList.toggle("over", isOver);
  };
  document.ondragover = (event) => drag(event, true);
  document.ondragleave = (event) => drag(event, Boolean(event.relatedTarget));
  document.ondrop = (event) => {
    drag(event, false);
    add(event.dataTransfer.files);
  };
  document.onpaste = (event) => add(event.clipboardData.files);
  $("settings").oninput = $("settings").onchange = renderSettings;
  $("settings").onsubmit = (event) => {
    event.preventDefault();
    if (selected?.id) jobs.start(selected, settings());
  };
  $("download").onsubmit = (event) => {
    event.preventDefault();
    download(selected, selected.shown);
  };
  $("cancel").onclick = () => jobs.cancel(selected.shown);
  $("zoom").onchange = (event) => { viewer.zoom = Number(event.target.value); };
  addEventListener("beforeunload", (event) => jobs.unfinished().length && event.preventDefault());
  addEventListener("pagehide", jobs.discardAll);
}

async function open() {
  addEventListener("hashchange", () => location.reload());
  await authorise();
  const offer = await json("/settings");
  jobs.connect({ render, announce, complain }, offer.maxBytes);
  choices = offer.choices;
  $("model").replaceChildren(...choices.map(({ name, label }) => new Option(label, name)));
  $("model").value = offer.chosen;
  for (const id of ["texture", "restore"]) $(id).value = offer[id];
  renderSettings();
  listen();
  $("settings").hidden = $("start").hidden = false;
}

open().catch((error) => complain(error.message));
