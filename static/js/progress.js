// While a worker is at an import, its progress is brought up to date; without this, by the link that is there.
const section = document.getElementById("progress");
const look = async () => {
  const answer = await fetch(location.href);
  const now = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("progress");
  if (!now || now.dataset.state !== section.dataset.state) return location.reload();
  section.replaceChildren(...now.childNodes);
  return setTimeout(look, 2000);
};
setTimeout(look, 2000);
