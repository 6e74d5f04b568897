// Shows a theme in the sample while it is edited, with what is to be said of it, and lets colours be picked. The button
// below does the first without this.

const form = document.querySelector("form[data-draft]");
const frame = form.querySelector("iframe");
let waiting, asked = 0;

for (const field of form.querySelectorAll("[data-colour]")) addPicker(field);
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(show, 150);
});
if ([...form.elements].some((field) => field.value !== (field.defaultValue ?? field.value))) show(); // while this came

function addPicker(field) {
  const picker = document.createElement("input");
  const picked = document.createElement("div");
  picker.type = "color";
  picker.setAttribute("aria-label", field.labels[0].textContent);
  picked.className = "picked";
  field.replaceWith(picked);
  picked.append(field, picker);
  const follow = () => {
    picker.value = sixDigits(field.value) ?? sixDigits(field.placeholder) ?? "#000000";
  };
  follow();
  field.addEventListener("input", follow);
  picker.addEventListener("input", () => {
    field.value = picker.value;
  });
}

function sixDigits(value) {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(value.trim());
  if (short) return `#${short[1]}${short[1]}${short[2]}${short[2]}${short[3]}${short[3]}`;
  return /^#[0-9a-f]{6}$/i.test(value.trim()) ? value.trim() : null;
}

async function show() {
  const number = ++asked;
  const page = await fetchPage().catch(() => null);
  const findings = page?.querySelector("#findings");
  if (!findings || number !== asked) return;
  document.querySelector("#findings").replaceChildren(...findings.childNodes);
  dress(page.querySelector("iframe").srcdoc);
}

async function fetchPage() {
  const body = new FormData(form);
  body.set("preview", "1");
  const response = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// The policy of this page allows the one style it came with, and no other element; a sheet made by a script is none.
function dress(source) {
  const first = frame.contentDocument.querySelector("style");
  if (!first) return frame.addEventListener("load", () => dress(source), { once: true });
  const sheet = new frame.contentWindow.CSSStyleSheet();
  sheet.replaceSync(/<style>([^]*?)<\/style>/.exec(source)[1]);
  first.disabled = true;
  frame.contentDocument.adoptedStyleSheets = [sheet];
}
