// The developers' pane: each webhook with its form, its TwiML, and the state that it carried.

import { exchanges } from "./api.js";
import { byId, element } from "./dom.js";

const KEPT = 60;

export class WebhooksView {
  constructor() {
    this.phone = null;
    this.last = 0;
    this.loading = false;
  }

  async render(state) {
    const box = byId("exchanges");
    if (this.phone !== state.phone) {
      this.phone = state.phone;
      this.last = 0;
      box.replaceChildren(element("p", { class: "empty" }, "Call or text the line to see what Twilio would send, and what the line answers."));
    }
    if (this.loading || state.exchange <= this.last) return;
    this.loading = true;
    try {
      const found = await exchanges(state.phone, this.last);
      if (this.phone !== state.phone) return;
      if (this.last === 0 && found.length) box.replaceChildren();
      for (const exchange of found) box.prepend(describe(exchange));
      this.last = Math.max(this.last, state.exchange);
      while (box.children.length > KEPT) box.lastElementChild.remove();
    } finally {
      this.loading = false;
    }
  }
}

function describe(exchange) {
  const ok = exchange.status !== null && exchange.status < 400;
  const part = (name, ...content) => element("div", { class: "part" }, element("h3", {}, name), ...content);
  const fields = Object.entries(exchange.form).map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  return element("details", { class: "exchange" },
    element("summary", {},
      element("span", { class: ok ? "status" : "status wrong" }, String(exchange.status ?? "no answer")),
      element("span", { class: "path" }, `${exchange.method} ${exchange.path}`),
      element("span", { class: "quiet" }, `${exchange.milliseconds} ms · ${exchange.at}`)),
    part("State before", element("code", {}, exchange.before)),
    exchange.after ? part("State after", element("code", {}, exchange.after)) : null,
    part("Signature", element("code", {}, exchange.signature)),
    part("Form", element("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Form" },
      element("table", {}, element("tbody", {}, ...fields)))),
    exchange.document
      ? part("Answer", element("pre", { tabindex: "0", role: "region", "aria-label": "Answer" }, exchange.document))
      : null);
}
