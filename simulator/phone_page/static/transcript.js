// The list of what was said and done on a call, one entry an item. The sentence being spoken appears word by word.

import { element, scrollToEnd } from "./dom.js";

export class Transcript {
  constructor(list) {
    this.list = list;
    this.items = [];
    this.sid = null;
  }

  // entries: {key, kind, text, language}; those of utterances have the key of `saidKey`.
  render(control, entries) {
    if (control.call?.sid !== this.sid) {
      this.sid = control.call?.sid ?? null;
      this.items = [];
      this.list.replaceChildren();
    }
    let added = false;
    entries.forEach((entry, index) => {
      const item = this.items[index];
      if (item?.key === entry.key) return;
      const node = element("li", { class: entry.kind, lang: entry.language }, entry.text);
      if (item) item.node.replaceWith(node);
      else this.list.append(node);
      this.items[index] = { key: entry.key, node };
      added = true;
    });
    for (const item of this.items.splice(entries.length)) item.node.remove();
    if (added) scrollToEnd(this.list);
    this.reveal(control);
  }

  reveal(control) {
    for (const node of this.list.querySelectorAll(".now")) node.classList.remove("now");
    const said = control.utterances[control.shown];
    const item = said && this.items.find((each) => each.key === saidKey(said, false));
    if (!item) return;
    item.node.classList.add("now");
    const end = Math.ceil(said.text.length * control.share);
    const cut = control.share >= 1 ? said.text.length : Math.max(said.text.lastIndexOf(" ", end), 0);
    const text = shownText(said.text);
    item.node.replaceChildren(text.slice(0, cut), element("span", { class: "unspoken" }, text.slice(cut)));
    scrollToEnd(this.list);
  }
}

const saidKey = (said, whole) => `say ${said.turn} ${said.place} ${whole}`;

function shownText(text) {
  return text.startsWith("[audio ") ? "♪ a recording" : text;
}

// The entries of one turn's utterances that were spoken, or are being spoken.
export function saidEntries(control, turn) {
  return control.utterances.flatMap((said, index) => (said.turn === turn && index <= control.shown
    ? [{ key: saidKey(said, index < control.shown), kind: "line", text: shownText(said.text), language: said.language }]
    : []));
}

// Whether everything that was said up to the end of a turn has been spoken.
export function isHeard(control, turn) {
  return control.utterances.every((said, index) => said.turn > turn || index < control.shown);
}
