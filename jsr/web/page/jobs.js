// The pictures that were added and their jobs, kept in step with the server. page.js shows them.

import { call, image, json, remove } from "./server.js";

const POLL = 400; // milliseconds between two looks at the jobs
const RETRY = 2000; // milliseconds until a full queue is asked again

export const pictures = [];
let page; // render(), announce(text) and complain(text)
let maxBytes = 0;
let uploads = Promise.resolve(); // one after the other
let isPolling = false;

export function connect(listener, limit) {
  [page, maxBytes] = [listener, limit];
}

export const isUnfinished = (job) => job.state === "waiting" || job.state === "running";
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Adds a file, and starts a job as soon as it is uploaded; `settle` returns its settings at that time.
export function add(file, settle) {
  const picture = { file, name: file.name || "picture", jobs: [], shown: null, url: null, error: "" };
  pictures.push(picture);
  uploads = uploads.then(async () => {
    if (await upload(picture)) await start(picture, settle());
  });
  return picture;
}

export function discard(picture) {
  pictures.splice(pictures.indexOf(picture), 1);
  if (picture.id) remove(`/uploads/${picture.id}`);
  for (const { url } of [picture, ...picture.jobs]) if (url) URL.revokeObjectURL(url);
}

export function discardAll() {
  for (const { id } of pictures) if (id) remove(`/uploads/${id}`, { keepalive: true });
}

// Uploads a picture; returns whether it can be upscaled.
async function upload(picture) {
  if (!pictures.includes(picture)) return false;
  try {
    if (picture.file.size > maxBytes) throw new Error(`expected up to ${maxBytes / 1e6} MB`);
    Object.assign(picture, await insist(picture, "/uploads", { method: "POST", body: picture.file }));
    if (!pictures.includes(picture)) return void remove(`/uploads/${picture.id}`); // discarded meanwhile
    if (picture.hasView && !picture.url) picture.url = await image(`/uploads/${picture.id}`);
  } catch (error) {
    picture.error = error.message;
    page.announce(`${picture.name}: ${error.message}`);
  }
  page.render();
  return !picture.error;
}

// Asks again while the server has no room, as long as the picture is wanted.
async function insist(picture, path, request) {
  for (;;) {
    try {
      const answer = await json(path, request);
      page.complain("");
      return answer;
    } catch (error) {
      if (error.status !== 503 || !pictures.includes(picture)) throw error;
      page.complain(error.message);
      await sleep(RETRY);
    }
  }
}

// Upscales a picture by the chosen settings, or shows the result that there is of them.
export async function start(picture, { label, ...settings }, isAgain = false) {
  const key = JSON.stringify(settings);
  const same = picture.jobs.find((job) => job.key === key && (job.state === "done" || isUnfinished(job)));
  if (same) {
    picture.shown = same;
    return page.render();
  }
  const job = { key, label, state: "waiting", ahead: 0 };
  picture.jobs.push(job);
  picture.shown = job;
  page.render();
  try {
    const body = JSON.stringify({ upload: picture.id, ...settings });
    const { id } = await insist(picture, "/jobs", { method: "POST", body });
    job.id = id;
    if (job.state === "cancelled") remove(`/jobs/${id}`);
    poll();
  } catch (error) {
    if (error.status === 404 && !isAgain) { // an hour has passed, and the server has removed the picture
      picture.jobs.splice(picture.jobs.indexOf(job), 1);
      return (await upload(picture)) && start(picture, { label, ...settings }, true);
    }
    Object.assign(job, { state: "failed", error: error.message });
  }
  page.render();
}

export function cancel(job) {
  job.state = "cancelled";
  if (job.id) remove(`/jobs/${job.id}`);
  page.announce("cancelled");
  page.render();
}

export const unfinished = () =>
  pictures.flatMap((picture) => picture.jobs.map((job) => [picture, job])).filter(([, job]) => isUnfinished(job) && job.id);

async function poll() {
  if (isPolling) return;
  isPolling = true;
  for (let asked; (asked = unfinished()).length;) {
    try {
      const { jobs } = await json("/jobs"); // says nothing of a job that was added meanwhile
      for (const [picture, job] of asked) {
        if (!pictures.includes(picture)) continue; // discarded meanwhile
        const lost = { state: "failed", error: "the server does not keep it any more" };
        await update(picture, job, jobs.find(({ id }) => id === job.id) ?? lost);
      }
      page.complain("");
    } catch (error) {
      page.complain(error.message);
    }
    page.render();
    await sleep(POLL);
  }
  isPolling = false;
}

async function update(picture, job, state) {
  if (state.hasView) job.url = await image(`/jobs/${job.id}/view`);
  if (!isUnfinished(job)) return; // cancelled meanwhile
  Object.assign(job, { fraction: undefined, left: undefined }, state);
  if (!isUnfinished(job)) page.announce(`${picture.name}: ${job.error || job.state}`);
}

// Saves a result in a format; returns what the format cannot hold.
export async function download(picture, job, format) {
  const answer = await call(`/jobs/${job.id}/result?format=${format}`);
  const url = URL.createObjectURL(await answer.blob());
  const stem = picture.name.replace(/\.[^.]*$/, "");
  const scale = Math.round(job.width / picture.width);
  Object.assign(document.createElement("a"), { href: url, download: `${stem}_x${scale}.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  return JSON.parse(answer.headers.get("X-Notes"));
}
