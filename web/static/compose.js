// What makes writing easier, all of it optional: counts, drafts kept here, previews, quotes, mentions, edits in place.
// The forms of `writing.html` work without.

const DRAFT = "draft ";
const KEPT_MS = 30 * 24 * 3600 * 1000;
const PREVIEW_MS = 1000;

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

function keepDraft(form) {
  const { text, title, to, seen } = form.elements;
  const key = draftKey(form.dataset.owner, form.getAttribute("action"));
  const fields = [text, title].filter(Boolean);
  const begun = { text: text.defaultValue, title: title?.defaultValue ?? "", seen: seen.value };
  const isNew = (field) => "sent" in form.dataset || field.value !== field.defaultValue;
  let isTouched = fields.some(isNew); // the draft may be that of another tab, which goes on with it

  const save = () => {
    if (!isTouched || !form.isConnected) return;
    const changed = fields.some((field) => isNew(field) && field.value.trim());
    const kept = { text: text.value, title: title?.value, to: to.value, seen: seen.value, at: Date.now() };
    store(key, changed && kept);
  };
  form.addEventListener("input", () => (isTouched = true));
  form.addEventListener("input", later(300, save));
  addEventListener("pagehide", save);

  const draft = stored(key);
  if (!draft || "sent" in form.dataset || (draft.text === begun.text && (draft.title ?? "") === begun.title)) return;
  const isQuote = begun.text && !begun.seen && !draft.text.includes(begun.text.trim());
  text.value = isQuote ? `${draft.text.trimEnd()}\n\n${begun.text}` : draft.text;
  if (title && draft.title) title.value = draft.title;
  if (draft.seen) seen.value = draft.seen; // what was edited may be another by now: then the server says so
  const answered = to.value ? null : document.getElementById(draft.to);
  if (answered) answer(form, answered, draft.to);
  const note = form.querySelector("[data-draft]");
  const discard = Object.assign(document.createElement("button"), { type: "button", textContent: form.dataset.discard });
  discard.addEventListener("click", () => {
    for (const field of fields) field.value = field.defaultValue;
    seen.value = begun.seen;
    note.replaceChildren();
    form.dispatchEvent(new Event("input"));
    save();
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

const excess = (field) => Math.max(length(field.value) - Number(field.dataset.most), 0);

function countIn(form, field) {
  const shown = document.getElementById(`${field.id}-count`);
  const { format } = new Intl.NumberFormat(document.documentElement.lang);
  const show = () => {
    const over = excess(field);
    const isOver = over > 0;
    const message = isOver
      ? shown.dataset.over.replace("{excess}", format(over))
      : shown.dataset.count.replace("{used}", format(length(field.value))).replace("{most}", format(field.dataset.most));
    shown.toggleAttribute("role", false);
    if (isOver) shown.setAttribute("role", "status");
    shown.classList.toggle("over", isOver);
    shown.textContent = message;
    field.setCustomValidity(isOver ? message : "");
  };
  form.addEventListener("input", later(150, show));
  show();
}

// htmx asks for it and puts it in its place. What cannot be shown so, the form's own way tells.
function previewOnDemand(form) {
  const button = form.querySelector("button[name=preview]");
  const section = form.querySelector("section.preview");
  const isClick = ({ detail }) => detail.requestConfig.triggeringEvent?.type === "click";
  const askByForm = (event) => isClick(event) && form.requestSubmit(button);
  button.addEventListener("htmx:beforeRequest", (event) => {
    if (!excess(form.elements.text)) return;
    event.preventDefault();
    askByForm(event);
  });
  button.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return askByForm(event);
    section.hidden = false;
    return isClick(event) && section.querySelector("h2").focus();
  });
  const refresh = later(PREVIEW_MS, () => section.hidden || htmx.trigger(button, "refresh"));
  form.addEventListener("input", refresh);
}

// A second click would do no harm, but looks as if it did something.
function sendOnce(form) {
  const button = form.querySelector("button:not([name])");
  form.addEventListener("submit", () => setTimeout(() => (button.disabled = true)));
  addEventListener("pageshow", () => (button.disabled = false));
}

function insert(form, addition) {
  const { text } = form.elements;
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

function answer(form, post, anchor) {
  const line = form.querySelector("[data-answers]");
  form.elements.to.value = anchor;
  line.hidden = !post;
  if (!post) return;
  line.querySelector("span").textContent = line.dataset.answers.replace("{author}", nameIn(post));
  const body = post.querySelector(".body").cloneNode(true);
  for (const spoiler of body.querySelectorAll(".spoiler")) spoiler.replaceWith("[…]");
  line.querySelector("q").textContent = body.textContent.replace(/\s+/g, " ").trim().slice(0, 120);
}

// In the form at the foot of the page, where there is one.
function answerHere() {
  const form = document.querySelector("form#compose");
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
    answer(form, post, link.dataset.answer);
    insert(form, quote ?? ("quote" in link.dataset ? await quoteFrom(link) : ""));
  });
  form?.querySelector("[data-drop]")?.addEventListener("click", (event) => {
    event.preventDefault();
    answer(form, null, "");
    form.elements.text.focus();
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

function completeMentions(form) {
  const { text } = form.elements;
  const list = Object.assign(document.createElement("ul"), { id: `${text.id}-people`, className: "people", hidden: true });
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
        const item = Object.assign(document.createElement("li"), { id: `${list.id}-${index}`, textContent: name });
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

// A post's own form, in the place of its text; what it leads to, the post again or the form with a sentence, takes its
// place in turn.
function editHere(form, post) {
  post.classList.add("editing");
  const aim = { "hx-post": form.getAttribute("action"), "hx-target": "closest .post", "hx-swap": "outerHTML" };
  for (const [name, value] of Object.entries(aim)) form.setAttribute(name, value);
  form.setAttribute("hx-select", `[id="${post.id}"]`);
  form.setAttribute("hx-encoding", "multipart/form-data");
  // htmx forgets which button it was when that loses the focus, and would save what was only to be previewed.
  form.addEventListener("submit", (event) => event.submitter?.name && event.stopImmediatePropagation(), true);
  htmx.process(form);
  post.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.requestConfig.elt !== form) return;
    if (detail.xhr.status < 400 && detail.serverResponse.includes(`id="${post.id}"`)) return;
    detail.shouldSwap = true;
    detail.isError = false;
    detail.target = form.closest(".wider");
    detail.selectOverride = ".wider";
  });
  form.addEventListener("htmx:sendError", ({ target }) => target === form && form.submit());
  form.querySelector("[data-cancel]").addEventListener("click", (event) => {
    event.preventDefault();
    htmx.remove(form.closest(".wider"));
    post.classList.remove("editing");
    post.querySelector('.ways a[href$="/edit"]')?.focus();
  });
  form.elements.text.focus();
}

// The post again, where its form was.
document.addEventListener("htmx:afterSettle", ({ detail: { requestConfig } }) => {
  const former = requestConfig?.elt.matches("form.compose") && requestConfig.elt.closest(".post");
  const post = former && document.getElementById(former.id);
  if (!post || post === former) return;
  post.tabIndex = -1;
  post.focus();
});

function equip(form) {
  const { text, title } = form.elements;
  const post = form.closest(".post");
  if (post) editHere(form, post);
  if (form.dataset.owner) keepDraft(form);
  for (const field of [text, title].filter(Boolean)) countIn(form, field);
  if (form.dataset.owner) previewOnDemand(form);
  if (form.dataset.people) completeMentions(form);
  if (!post) sendOnce(form);
}

answerHere();
offerQuote();
htmx.onLoad((part) => {
  forgetDrafts();
  const forms = part.matches("form.compose") ? [part] : part.querySelectorAll("form.compose");
  for (const form of forms) equip(form);
});
