// While a worker is at something, its progress is brought up to date; without this, by the link that is there.
const section = document.getElementById("progress");
const fetched = async () => {
  const answer = await fetch(location.href);
  if (!answer.ok) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("progress");
};
const look = async () => {
  try {
    const now = await fetched();
    if (!now || now.dataset.state !== section.dataset.state) return location.reload();
    // Not under the hands of somebody who has the focus in it.
    if (!section.contains(document.activeElement)) section.replaceChildren(...now.childNodes);
  } catch { /* the server is away: the next look may find it again */ }
  return setTimeout(look, 2000);
};
setTimeout(look, 2000);
