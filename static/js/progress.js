// Refreshes the progress of a mailing or an import while a worker is busy. Without scripts there is a link for it.
// The status line, for screen readers, says the progress at most every 10 seconds.
const REFRESH_MS = 2000;
const ANNOUNCE_MS = 10000;
const section = document.getElementById("progress");
const announcement = document.getElementById("progress-status");
let announcedAt = Date.now();

const announce = () => {
  if (Date.now() - announcedAt < ANNOUNCE_MS) return;
  const label = section.querySelector("label"); // an import has none before it is counted
  announcement.textContent = label ? label.textContent.trim().replace(/\s+/g, " ") : "";
  announcedAt = Date.now();
};

const fetchSection = async () => {
  const response = await fetch(location.href);
  if (!response.ok) throw new Error(response.status);
  return new DOMParser().parseFromString(await response.text(), "text/html").getElementById("progress");
};

const refresh = async () => {
  try {
    const latest = await fetchSection();
    if (!latest || latest.dataset.state !== section.dataset.state) return location.reload();
    // Replacing the content would take the focus away from a link in it.
    if (!section.contains(document.activeElement)) section.replaceChildren(...latest.childNodes);
    announce();
  } catch { /* the server cannot be reached: try again */ }
  return setTimeout(refresh, REFRESH_MS);
};

setTimeout(refresh, REFRESH_MS);
