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
      this.drawn = new Map();
      box.replaceChildren(element("p", { class: "empty" }, "Call or text the line to see what Twilio would send, and what the line answers."));
    }
    this.wanted = state.exchange;
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.wanted > this.last && await this.load(box));
    } finally {
      this.loading = false;
    }
  }

  // Whether there was something new.
  async load(box) {
    const { phone } = this;
    const found = await exchanges(phone, this.last);
    if (this.phone !== phone) return true;
    if (this.last === 0 && found.length) box.replaceChildren();
    for (const exchange of found) this.draw(box, exchange);
    this.last = Math.max(this.last, ...found.map((exchange) => exchange.revision));
    while (box.children.length > KEPT) box.lastElementChild.remove();
    return found.length > 0;
  }

  // A fault is found after the answer has been shown, so an exchange can come twice.
  draw(box, exchange) {
    const node = describe(exchange);
    const known = this.drawn.get(exchange.number);
    node.open = known?.open ?? false;
    if (known) known.replaceWith(node);
    else box.prepend(node);
    this.drawn.set(exchange.number, node);
  }
}

function describe(exchange) {
  const error = exchange.faults.find((fault) => fault.level === "error") ?? exchange.faults[0];
  const ok = !error && exchange.status !== null && exchange.status < 400;
  const part = (name, ...content) => element("div", { class: "part" }, element("h3", {}, name), ...content);
  const fields = Object.entries(exchange.form).map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  return element("details", { class: "exchange" },
    element("summary", {},
      element("span", { class: ok ? "status" : "status wrong" }, String(exchange.status ?? "no answer")),
      error ? element("span", { class: `code ${error.level}` }, element("span", { class: "visually-hidden" }, `${error.level} `), String(error.code)) : null,
      element("span", { class: "path" }, `${exchange.method} ${exchange.path}`),
      element("span", { class: "quiet" }, `${exchange.milliseconds} ms · ${exchange.at}`)),
    ...exchange.faults.map(describeFault),
    ...stateParts(exchange, part),
    part("Signature", element("code", {}, exchange.signature)),
    part("Form", element("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Form" },
      element("table", {}, element("tbody", {}, ...fields)))),
    exchange.document
      ? part("Answer", element("pre", { tabindex: "0", role: "region", "aria-label": "Answer" }, exchange.document))
      : null);
}

function stateParts({ is_text: isText, before, after }, part) {
  if (isText) return [part("State", element("p", {}, "The address of a text carries no state: the line keeps it with the sender’s number."))];
  return [part("State before", element("code", {}, before)), after ? part("State after", element("code", {}, after)) : null];
}

function describeFault({ code, level, sentence, advice, page }) {
  return element("div", { class: `fault ${level}` },
    element("h3", {}, level === "error" ? `Error ${code}` : `Warning ${code}`),
    element("p", {}, sentence),
    element("p", {}, element("strong", {}, "What to do: "), advice, " "),
    element("a", { href: page, target: "_blank", rel: "noreferrer" }, `Twilio’s page about ${code}`));
}
