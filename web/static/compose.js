// What makes writing easier, all of it optional: counts, drafts kept here, previews, quotes, mentions. The form of
// `writing.html` works without.

const DRAFT = "draft ";
const KEPT_MS = 30 * 24 * 3600 * 1000;
const PREVIEW_MS = 1000;

const form = document.querySelector("form.compose");
const { text, title, to } = form?.elements ?? {};

// Storage may be full, or forbidden: then there are no drafts.
function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    if (value) localStorage.setItem(key, JSON.stringify(value));
    else localStorage.removeItem(key);
  } catch {}
}

function draftKeys() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(DRAFT));
  } catch {
    return [];
  }
}

// The server tells by a cookie what has been written: the address of its form, at which the key of its draft ends.
function forgetDrafts() {
  const written = document.cookie.match(/(?:^|; )atbb_written="?([^;"]*)/)?.[1];
  if (written) document.cookie = "atbb_written=; path=/; max-age=0";
  for (const key of draftKeys()) {
    if (key.endsWith(` ${written}`) || !(Date.now() - stored(key)?.at < KEPT_MS)) store(key, null);
  }
}

const later = (wait, act) => {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
};

const draftKey = (owner, action) => `${DRAFT}${owner} ${action}`;

function keepDraft(owner) {
  const key = draftKey(owner, form.getAttribute("action"));
  const fields = [text, title].filter(Boolean);
  const begun = { text: text.defaultValue, title: title?.defaultValue ?? "" };

  const save = () => {
    const isNew = (field) => "sent" in form.dataset || field.value !== field.defaultValue;
    const changed = fields.some((field) => isNew(field) && field.value.trim());
    store(key, changed && { text: text.value, title: title?.value, to: to.value, at: Date.now() });
  };
  form.addEventListener("input", later(300, save));
  addEventListener("pagehide", save);

  const draft = stored(key);
  if (!draft || "sent" in form.dataset || (draft.text === begun.text && (draft.title ?? "") === begun.title)) return;
  const isQuote = begun.text && !form.elements.seen.value && !draft.text.includes(begun.text.trim());
  text.value = isQuote ? `${draft.text.trimEnd()}\n\n${begun.text}` : draft.text;
  if (title && draft.title) title.value = draft.title;
  const answered = to.value ? null : document.getElementById(draft.to);
  if (answered) answer(answered, draft.to);
  const note = form.querySelector("[data-draft]");
  const discard = Object.assign(document.createElement("button"), { type: "button", textContent: form.dataset.discard });
  discard.addEventListener("click", () => {
    for (const field of fields) field.value = field.defaultValue;
    save();
    note.replaceChildren();
    form.dispatchEvent(new Event("input"));
    text.focus();
  });
  note.replaceChildren(`${form.dataset.restored} `, discard);
}

// What readers call characters, as the server counts them.
const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter(undefined, { granularity: "grapheme" });

function length(value) {
  const trimmed = value.trim();
  if (/^[\x20-\x7e\n]*$/.test(trimmed)) return trimmed.length;
  let count = 0;
  for (const _ of segmenter ? segmenter.segment(trimmed) : trimmed) count += 1;
  return count;
}

const excess = (field) => length(field.value) - Number(field.dataset.most);

function countIn(field) {
  const shown = document.getElementById(`${field.id}-count`);
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const show = () => {
    const over = excess(field);
    const isOver = over > 0;
    const most = Number(field.dataset.most);
    const message = isOver
      ? shown.dataset.over.replace("{excess}", number.format(over))
      : shown.dataset.count.replace("{used}", number.format(over + most)).replace("{most}", number.format(most));
    shown.toggleAttribute("role", false);
    if (isOver) shown.setAttribute("role", "status");
    shown.classList.toggle("over", isOver);
    shown.textContent = message;
    field.setCustomValidity(isOver ? message : "");
  };
  form.addEventListener("input", later(150, show));
  show();
}

function previewOnDemand() {
  const button = form.querySelector("button[name=preview]");
  const section = document.querySelector("section.preview");
  const refresh = async () => {
    if (excess(text) > 0) return false;
    const response = await fetch("/preview", { method: "POST", body: new FormData(form) });
    if (!response.ok) return false;
    section.querySelector(".body").innerHTML = await response.text(); // as sanitised as any post
    section.hidden = false;
    return true;
  };
  let isNative = false;
  button.addEventListener("click", async (event) => {
    if (isNative) return;
    event.preventDefault();
    const isShown = await refresh().catch(() => false);
    if (isShown) {
      section.querySelector("h2").focus();
      return;
    }
    isNative = true; // the form's own way tells what is wrong
    button.click();
  });
  form.addEventListener("input", later(PREVIEW_MS, () => section.hidden || refresh().catch(() => false)));
}

// A second click would do no harm, but looks as if it did something.
function sendOnce() {
  const button = form.querySelector("button:not([name])");
  form.addEventListener("submit", () => setTimeout(() => (button.disabled = true)));
  addEventListener("pageshow", () => (button.disabled = false));
}

function insert(addition) {
  const before = text.value.trimEnd();
  text.value = before ? `${before}\n\n${addition}` : addition;
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
  text.scrollTop = text.scrollHeight;
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

// The text selected inside of a post, and that post.
function selected() {
  const selection = getSelection();
  const node = selection.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0).commonAncestorContainer : null;
  const post = (node?.nodeType === Node.TEXT_NODE ? node.parentElement : node)?.closest?.(".post .body")?.closest(".post");
  const words = post ? selection.toString().trim() : "";
  return words ? { post, words, box: selection.getRangeAt(0).getBoundingClientRect() } : null;
}

const nameIn = (post) => post.querySelector(".person").textContent;

function quoteOf({ post, words }) {
  const name = nameIn(post);
  const lines = [`${name.startsWith("did:") ? name : `@${name}`}:`, "", ...words.split("\n")];
  return `${lines.map((line) => `> ${line}`.trimEnd()).join("\n")}\n\n`;
}

async function quoteFrom(link) {
  const page = new DOMParser().parseFromString(await (await fetch(link.href)).text(), "text/html");
  return page.querySelector("form.compose textarea")?.value ?? "";
}

function answer(post, anchor) {
  const line = form.querySelector("[data-answers]");
  to.value = anchor;
  line.hidden = !post;
  if (!post) return;
  line.querySelector("span").textContent = line.dataset.answers.replace("{author}", nameIn(post));
  const body = post.querySelector(".body").cloneNode(true);
  for (const spoiler of body.querySelectorAll(".spoiler")) spoiler.replaceWith("[…]");
  line.querySelector("q").textContent = body.textContent.replace(/\s+/g, " ").trim().slice(0, 120);
}

function answerHere() {
  let picked = null; // a click ends the selection before it is heard of
  addEventListener("pointerdown", () => (picked = selected()), { capture: true });
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-answer]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const post = link.closest(".post");
    const choice = picked ?? selected();
    const quote = "quote" in link.dataset && choice?.post === post ? quoteOf(choice) : null;
    if (!form && !quote) return;
    event.preventDefault();
    if (!form) {
      carry(link, quote);
      return;
    }
    answer(post, link.dataset.answer);
    insert(quote ?? ("quote" in link.dataset ? await quoteFrom(link) : ""));
  });
  form?.querySelector("[data-drop]")?.addEventListener("click", (event) => {
    event.preventDefault();
    answer(null, "");
    text.focus();
  });
}

// The form is on another page, which finds the quote in its draft.
function carry(link, quote) {
  const address = new URL(link.href);
  address.searchParams.delete("quote");
  const key = draftKey(link.dataset.owner, address.pathname);
  const begun = stored(key)?.text?.trimEnd();
  store(key, { text: begun ? `${begun}\n\n${quote}` : quote, to: link.dataset.answer, at: Date.now() });
  location.assign(address);
}

// A button beside what is selected, for who has no idea that the link below takes a selection.
function offerQuote() {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button pick" });
  const place = () => {
    const found = selected();
    const link = found?.post.querySelector("a[data-quote]");
    button.remove();
    if (!link) return;
    button.textContent = link.textContent;
    button.onclick = () => link.click();
    button.style.insetBlockStart = `${found.box.bottom + scrollY + 8}px`;
    button.style.left = `${Math.max(8, Math.min(found.box.left, innerWidth - 120))}px`;
    document.body.append(button);
  };
  document.addEventListener("selectionchange", later(250, place));
}

function completeMentions() {
  const list = Object.assign(document.createElement("ul"), { id: "people", className: "people", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", form.dataset.mentions);
  text.after(list);
  let people = null;
  let at = 0;

  const close = () => {
    list.hidden = true;
    for (const name of ["aria-controls", "aria-activedescendant"]) text.removeAttribute(name);
  };
  const mark = (index) => {
    at = (index + list.children.length) % list.children.length;
    [...list.children].forEach((item, here) => item.setAttribute("aria-selected", here === at));
    text.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  };
  const choose = () => {
    const end = text.selectionStart;
    const begin = text.value.lastIndexOf("@", end - 1);
    text.setRangeText(`@${list.children[at].textContent} `, begin, end, "end");
    close();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const open = (found) => {
    list.replaceChildren(
      ...found.map((name, index) => {
        const item = Object.assign(document.createElement("li"), { id: `person-${index}`, textContent: name });
        item.setAttribute("role", "option");
        item.addEventListener("pointerdown", (event) => {
          event.preventDefault(); // the text keeps the focus
          mark(index);
          choose();
        });
        return item;
      }),
    );
    list.hidden = false;
    text.setAttribute("aria-controls", list.id);
    mark(0);
  };

  text.addEventListener("input", async () => {
    const typed = text.value.slice(0, text.selectionStart).match(/(?:^|[\s(])@([a-z0-9.-]{0,60})$/i)?.[1].toLowerCase();
    if (typed === undefined) return close();
    people ??= fetch(form.dataset.people)
      .then((response) => response.json())
      .then((answer) => answer.people, () => []);
    const found = (await people).filter((name) => name.startsWith(typed) && name !== typed).slice(0, 8);
    return found.length ? open(found) : close();
  });
  text.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(at + step);
    else if (event.key === "Enter" || event.key === "Tab") choose();
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  text.addEventListener("blur", close);
}

forgetDrafts();
answerHere();
offerQuote();
if (form) {
  if (form.dataset.owner) keepDraft(form.dataset.owner);
  for (const field of [text, title].filter(Boolean)) countIn(field);
  if (form.dataset.owner) previewOnDemand();
  if (form.dataset.people) completeMentions();
  sendOnce();
}
