// Small helpers. Text always goes in as text, never as HTML.

export const byId = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function formatNumber(number) {
  const us = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return us ? `${us[1]}-${us[2]}-${us[3]}` : number;
}

// {number, name}: the name may be "".
export function nameOf({ number, name }) {
  return name || formatNumber(number);
}

export function scrollToEnd(node) {
  node.scrollTop = node.scrollHeight;
}

let hide = 0;
export function notify(sentence) {
  const notice = byId("notice");
  notice.textContent = sentence;
  notice.hidden = !sentence;
  clearTimeout(hide);
  if (sentence) hide = setTimeout(() => { notice.hidden = true; }, 8000);
}

export function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* private mode */ }
}

export function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}
