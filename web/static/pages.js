// What htmx leaves to us: dialogs that open, where one is after reading on, what is said when something new has come,
// connections that rest, the account menu, the reader's hours, what is unread. All of it is extra: every link leads to a
// page that does the same.

const on = (name, act) => document.addEventListener(name, act);

// A link that cannot be followed here is followed as always.
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:swapError"]) {
  on(failure, ({ detail: { elt } }) => elt.matches("a[href]") && location.assign(elt.href));
}

const dialog = document.querySelector("#dialog");

on("htmx:afterSwap", ({ detail: { target } }) => {
  if (target !== dialog) return;
  const heading = dialog.querySelector("h1");
  heading.id = "dialog-heading";
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.showModal();
});
on("click", (event) => {
  if (!event.target.closest("dialog [data-close]")) return;
  event.preventDefault();
  dialog.close();
});

// To the first of what has come below.
on("htmx:afterSettle", ({ detail: { requestConfig } }) => {
  if (!requestConfig?.elt.closest(".more")) return;
  if (!document.querySelector(".more")) say(null);
  keepRead();
  markUnread();
  const first = requestConfig.target.nextElementSibling?.firstElementChild;
  if (!first) return;
  first.tabIndex = -1;
  first.focus({ preventScroll: true });
});

const count = () => Number(document.querySelector("#count")?.dataset.posts);
let posts = count();

on("htmx:afterSettle", ({ detail: { requestConfig } }) => {
  if (requestConfig?.elt.id !== "refresh") return;
  const now = count();
  if (now > posts) tell();
  posts = now;
  keepRead();
});

// What has come in on this page is told until its reader has seen the last of it, and could have heard that aloud.
const SAID_MS = 4000;
let seen, silence;

function tell() {
  seen?.disconnect();
  clearTimeout(silence);
  if (document.querySelector(".more")) return say("newer");
  const last = [...document.querySelectorAll("[id^='page-'] > :last-child")].at(-1);
  document.querySelector("[data-when=arrived] > a").href = `#${last.id}`;
  seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    silence = setTimeout(say, SAID_MS, null);
  });
  seen.observe(last);
  return say("arrived");
}
on("click", ({ target }) => target.closest("[data-when=arrived] > a") && say(null));

on("sse:changed", ({ target }) => target.id === "refresh" || say("changed"));

// One of the sentences that the page brought, in the reader's language, where screen readers hear of it.
function say(which) {
  for (const sentence of document.querySelectorAll(".live > p")) sentence.hidden = sentence.dataset.when !== which;
}

// Posts that change leave in place what their reader did with them.
if (globalThis.Idiomorph) {
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (node) => !node.classList?.contains("editing"),
    beforeAttributeUpdated: (name) => name !== "open",
    afterNodeAdded: (node) => node.classList?.add("fresh"),
  });
}

// A page that nobody looks at needs no connection, of which a browser has few.
const connections = new Map();

on("visibilitychange", () => {
  for (const place of document.querySelectorAll("[data-live]")) {
    if (document.hidden) {
      connections.set(place, place.innerHTML);
      htmx.swap(place, "", { swapStyle: "innerHTML" });
    } else if (connections.has(place)) {
      htmx.swap(place, connections.get(place), { swapStyle: "innerHTML" });
    }
  }
});

const menu = document.querySelector("details.menu");

on("click", (event) => {
  if (menu && !menu.contains(event.target)) menu.open = false;
});
on("keydown", (event) => {
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Hours are the reader's own, written as the page writes them; also those that come in later, before they are seen.
const zone = document.querySelector("#zone");
const hours = new Intl.DateTimeFormat(zone.dataset.region, { dateStyle: "medium", timeStyle: "short" });

function tellHours() {
  for (const time of document.querySelectorAll("time[data-moment]:not([title])")) {
    time.title = `${time.textContent} UTC`;
    time.textContent = hours.format(new Date(time.dateTime));
  }
}
if (hours.resolvedOptions().timeZone !== "UTC") {
  zone.hidden = true;
  tellHours();
  new MutationObserver(tellHours).observe(document.body, { childList: true, characterData: true, subtree: true });
}

// Topics that were read here to their end, and how many posts they had: boards mark those that have more by now. Storage
// may be full, or forbidden: then they mark none.
const READ = "read";
const MOST_READ = 500;

function readHere() {
  try {
    return new Map(JSON.parse(localStorage.getItem(READ)));
  } catch {
    return new Map();
  }
}

function keepRead() {
  const shown = document.querySelector("#count");
  if (!shown || document.querySelector(".more")) return;
  const read = readHere();
  read.delete(shown.dataset.topic); // to stand last: those that were not read for long are forgotten first
  read.set(shown.dataset.topic, count());
  try {
    localStorage.setItem(READ, JSON.stringify([...read].slice(-MOST_READ)));
  } catch {}
}

function markUnread() {
  const read = readHere();
  for (const mark of document.querySelectorAll(".unread")) {
    mark.hidden = !(Number(mark.dataset.posts) > read.get(mark.dataset.topic));
  }
}
keepRead();
addEventListener("pageshow", markUnread); // also of a page that one comes back to
