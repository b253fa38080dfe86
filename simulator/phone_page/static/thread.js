// The text thread of a phone, and the people whose phones there are.

import { byId, element, formatNumber, scrollToEnd } from "./dom.js";

const TICKS = {
  received: ["✓✓", "received by the line"], accepted: ["○", "accepted"], queued: ["○", "queued"],
  scheduled: ["○", "scheduled"], sending: ["○", "sending"], sent: ["✓", "sent"], delivered: ["✓✓", "delivered"],
  undelivered: ["✕", "not delivered"], failed: ["✕", "failed"], canceled: ["✕", "canceled"],
};
const GSM = /^[\n\r !"#$%&'()*+,\-./0-9:;<=>?@A-Z_a-z£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà^{}\\[\]~|€]*$/;

export class ThreadView {
  constructor(choose) {
    this.choose = choose;
    this.drawn = new Map();
    this.phone = null;
  }

  render(state) {
    this.renderPeople(state);
    const list = byId("thread");
    if (this.phone !== state.phone) {
      this.phone = state.phone;
      this.drawn.clear();
      list.replaceChildren();
    }
    if (!state.texts.length && !this.drawn.size) {
      list.replaceChildren(element("li", { class: "empty" }, "No texts yet. Ask something, such as “can I wear deodorant”, or send STOP."));
    }
    if (state.texts.length && !this.drawn.size) list.replaceChildren();
    let added = false;
    for (const text of state.texts) {
      const key = JSON.stringify(text);
      const known = this.drawn.get(text.sid);
      if (known?.key === key) continue;
      const node = bubble(text);
      if (known) known.node.replaceWith(node);
      else {
        list.append(node);
        added = true;
      }
      this.drawn.set(text.sid, { key, node });
    }
    if (added) scrollToEnd(list);
  }

  renderPeople(state) {
    const key = JSON.stringify([state.threads, state.phone, state.failure]);
    if (key === this.people) return;
    this.people = key;
    const focused = document.activeElement?.dataset?.person;
    byId("people").replaceChildren(...state.threads.map(({ number, last }) => {
      const own = number === state.phone;
      const words = own && state.failure ? state.failure : last;
      return element("button", { type: "button", class: "person", "data-person": number, "aria-pressed": String(own),
        onclick: () => this.choose(number) },
      element("b", {}, formatNumber(number)), words ? element("small", {}, words) : null);
    }));
    byId("people").querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focused) byId("people").querySelector(`[data-person="${focused}"]`)?.focus();
  }
}

function bubble(text) {
  const [tick, meaning] = TICKS[text.status] ?? ["", text.status];
  const error = text.error ? ` · ${text.error} ${text.reason}` : "";
  const segments = text.segments === 1 ? "1 segment" : `${text.segments} segments`;
  return element("li", { class: text.mine ? "mine" : "theirs" },
    element("p", {}, text.body),
    element("div", { class: text.error ? "meta wrong" : "meta" }, `${text.at} · ${segments} · `,
      element("span", { class: `tick ${text.status}`, title: meaning, "aria-hidden": "true" }, tick),
      element("span", { class: "visually-hidden" }, meaning), error));
}

// The segments that a text will have: 160 GSM characters or 70 others, fewer if it has several segments.
export function countSegments(text) {
  const gsm = GSM.test(text);
  const length = gsm ? text.length + (text.match(/[\^{}\\[\]~|€]/g) ?? []).length : text.length;
  const [one, many] = gsm ? [160, 153] : [70, 67];
  return length <= one ? 1 : Math.ceil(length / many);
}
