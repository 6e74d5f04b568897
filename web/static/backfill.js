// Moves the figures of the running backfill, and loads the page anew when it has ended.

const job = document.querySelector("[data-job]");
const events = new EventSource(`/api/admin/backfill/${job.dataset.job}/events`);

function tell(event) {
  const told = JSON.parse(event.data);
  for (const place of job.querySelectorAll("[data-is]")) place.textContent = told[place.dataset.is];
  const bar = job.querySelector("progress");
  bar.max = told.didsTotal || 1;
  bar.value = told.didsProcessed;
}

events.addEventListener("progress", tell);
events.addEventListener("end", () => {
  events.close();
  location.reload();
});
