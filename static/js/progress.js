// Refreshes the progress of a mailing or an import while a worker is busy. Without scripts there is a link for it.
const section = document.getElementById("progress");

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
  } catch { /* the server cannot be reached: try again */ }
  return setTimeout(refresh, 2000);
};

setTimeout(refresh, 2000);
