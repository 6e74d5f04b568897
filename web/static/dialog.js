// Shows the form that a link with data-dialog leads to in a dialog of this page. Without this, or should it fail, the
// link leads to the form's own page, which does the same.

const dialog = document.createElement("dialog");
document.body.append(dialog);

document.addEventListener("click", async (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const link = plain ? event.target.closest("a[data-dialog]") : null;
  if (!link) return;
  event.preventDefault();
  const form = await fetchForm(link.href);
  if (form) show(form);
  else location.assign(link.href);
});

async function fetchForm(address) {
  try {
    const response = await fetch(address, { headers: { accept: "text/html" } });
    if (!response.ok) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html").querySelector("main form");
  } catch {
    return null;
  }
}

function show(form) {
  const heading = form.querySelector("h1");
  heading.id = "dialog-heading";
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.replaceChildren(form);
  form.querySelector("[data-close]").addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.showModal();
}
