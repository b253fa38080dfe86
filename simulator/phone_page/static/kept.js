// What a tab keeps for a reload: which phone it is, and what was typed on a phone but not sent.

// A reload gets the lock as soon as the old page is gone; only a duplicated tab waits so long.
const LOCK_WAIT_MS = 1500;

export function keep(phone, name, value) {
  sessionStorage.setItem(`${phone} ${name}`, JSON.stringify(value));
}

export function kept(phone, name) {
  return JSON.parse(sessionStorage.getItem(`${phone} ${name}`) ?? "null");
}

// The number of this tab's phone; null for a new one. A browser copies what a tab keeps into its duplicate, so each tab
// also holds a lock: a duplicate cannot get it, and becomes a phone of its own.
export async function phoneOfTab() {
  const tab = sessionStorage.getItem("tab");
  if (tab && await hold(tab)) return sessionStorage.getItem("phone");
  if (tab) sessionStorage.clear();
  const own = crypto.randomUUID();
  sessionStorage.setItem("tab", own);
  await hold(own);
  return sessionStorage.getItem("phone");
}

export function rememberPhone(phone) {
  sessionStorage.setItem("phone", phone);
}

// Whether this tab got the lock, which it then holds until it is closed or reloaded.
function hold(tab) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const taken = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(`phone of tab ${tab}`, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, taken).catch(() => resolve(false));
  });
}
