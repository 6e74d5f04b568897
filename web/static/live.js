// Keeps an open page up to date, and reads on without leaving it. All of it is extra: the links lead to the same pages.
// What is new comes from the page's own address, so everything is rendered in one place.

const ITEMS = "main > article, ol.topics > li";
const status = document.querySelector("[data-live]");
let source = null;
let updating = Promise.resolve();

if (status) {
  document.addEventListener("visibilitychange", listen);
  listen();
}

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const link = plain ? event.target.closest("a[data-more]") : null;
  if (!link) return;
  event.preventDefault();
  readOn(link).catch(() => location.assign(link.href));
});

// A page that nobody looks at needs no connection, of which a browser has few.
function listen() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    source = new EventSource(status.dataset.live);
    source.addEventListener("now", (event) => {
      const { posts, newest } = JSON.parse(event.data);
      updating = updating.then(() => bringUpToDate(posts, newest)).catch(() => say("changed"));
    });
    source.addEventListener("changed", () => say("changed"));
  }
}

async function bringUpToDate(posts, newest) {
  if (posts === Number(status.dataset.posts)) return;
  const isMore = posts > Number(status.dataset.posts);
  const page = await fetchPage(location.href);
  status.dataset.posts = page.querySelector("[data-live]").dataset.posts;
  replaceText(".bar > p", page);
  const wasLast = !document.querySelector("a[data-more]");
  const fresh = wasLast ? add(page) : [];
  if (wasLast) replaceWays(page);
  if (fresh.length && !document.querySelector("a[data-more]")) say("arrived");
  else if (isMore) say("newer", newest);
}

// The next page, below this one; its address becomes that of the whole, so that it can be kept and sent.
async function readOn(link) {
  const page = await fetchPage(link.href);
  const [first] = add(page);
  history.replaceState(null, "", link.href);
  replaceWays(page);
  if (first) {
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  }
}

async function fetchPage(address) {
  const response = await fetch(address, { headers: { accept: "text/html" } });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// What the other page has and this one has not, after what is here.
function add(page) {
  const here = [...document.querySelectorAll(ITEMS)];
  const known = new Set(here.map(nameOf));
  const fresh = [...page.querySelectorAll(ITEMS)].filter((item) => !known.has(nameOf(item)));
  here.at(-1)?.after(...fresh);
  for (const item of fresh) item.classList.add("fresh");
  return fresh;
}

function nameOf(item) {
  return item.id || item.querySelector("h2 > a")?.getAttribute("href");
}

// The ways on from the end of the list.
function replaceWays(page) {
  document.querySelector("a[data-more]")?.closest("p").remove();
  const more = page.querySelector("a[data-more]")?.closest("p");
  if (more) status.before(document.adoptNode(more));
  const [ours] = [...document.querySelectorAll("nav.pages")].slice(-1);
  const [theirs] = [...page.querySelectorAll("nav.pages")].slice(-1);
  if (ours && theirs) ours.replaceWith(document.adoptNode(theirs));
  else if (theirs) status.after(document.adoptNode(theirs));
}

function replaceText(selector, page) {
  const [ours, theirs] = [document.querySelector(selector), page.querySelector(selector)];
  if (ours && theirs) ours.textContent = theirs.textContent;
}

// One of the sentences that the page brought, in the reader's language, where screen readers hear of it.
function say(which, address) {
  for (const sentence of status.children) sentence.hidden = sentence.dataset.when !== which;
  const link = address && status.querySelector(`[data-when="${which}"] a`);
  if (link) link.href = address;
}
