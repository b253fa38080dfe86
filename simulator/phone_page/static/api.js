// The JSON API of the page. The header keeps other websites out: they cannot send it without permission.

const HEADERS = { "Content-Type": "application/json", "X-Phone-Page": "1" };
let tag = "";
// How often something was sent, or answered: a state that was asked for before then may be out of date.
let changes = 0;

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body.error || `The phone network answered ${response.status}.`);
  return body;
}

function unreachable() {
  throw new Refused(0, "The phone network does not answer. Is infoline run still running?");
}

export async function post(path, body = {}) {
  tag = "";
  changes += 1;
  try {
    const response = await fetch(path, { method: "POST", headers: HEADERS, body: JSON.stringify(body) }).catch(unreachable);
    return await read(response);
  } finally {
    changes += 1;
  }
}

// The tab is closed or reloaded: its number may go to another tab.
export function leave(phone) {
  fetch(`/phone/${encodeURIComponent(phone)}/leave`, { method: "POST", headers: HEADERS, body: "{}", keepalive: true }).catch(() => {});
}

// The state of a phone; null if nothing has changed since the last request, or if something was sent meanwhile.
export async function state(phone) {
  const before = changes;
  const headers = tag ? { "If-None-Match": tag } : {};
  const response = await fetch(`/phone/${encodeURIComponent(phone)}`, { headers, cache: "no-store" }).catch(unreachable);
  if (response.status === 304) return null;
  const body = await read(response);
  if (changes !== before) return null;
  tag = response.headers.get("ETag") || "";
  return body;
}

export async function exchanges(phone, after) {
  return read(await fetch(`/phone/${encodeURIComponent(phone)}/exchanges?after=${after}`).catch(unreachable));
}
