// Warns before a session ends, and lets people stay signed in. Without scripts, the next page asks them to sign in.
{
  const WARNING = 2 * 60 * 1000; // milliseconds before the end
  const SHARED = 60 * 1000; // how often typing is told to the server
  const dialog = document.getElementById("session-end");
  const tokens = document.getElementsByName("csrfmiddlewaretoken");
  let endsAt = Date.now() + dialog.dataset.seconds * 1000;
  let toldAt = Date.now();
  let timer;

  const ask = async (method) => {
    const headers = {"X-CSRFToken": tokens[0]?.value ?? ""};
    const response = await fetch(dialog.dataset.url, {method, headers});
    if (!response.ok) throw new Error(response.status);
    const {seconds, user, token} = await response.json();
    const isSame = user === dialog.dataset.user; // a colleague who signed in since neither sees nor sends this page
    endsAt = Date.now() + (isSame ? seconds * 1000 : 0);
    for (const input of isSame ? tokens : []) input.value = token; // signing in again changed it
  };

  const show = (state) => {
    for (const part of dialog.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
    dialog.dataset.shown = state;
    if (!state) return dialog.close();
    dialog.setAttribute("aria-labelledby", `session-end-${state}`);
    if (!dialog.open) dialog.showModal();
    return dialog.querySelector(":not([hidden]) > .button").focus();
  };

  // What to show now, and when to look again.
  const update = (warning = "soon") => {
    const left = endsAt - Date.now();
    if (left > WARNING) show("");
    else if (left <= 0) show("ended");
    else if (dialog.dataset.shown !== "last") show(warning);
    clearTimeout(timer);
    if (left > 0) timer = setTimeout(check, left > WARNING ? left - WARNING : left + 500);
  };

  // Another tab may have been used in the meantime, so the server is asked first.
  const check = async () => {
    try {
      await ask("GET");
    } catch { /* the server can't be reached: go by the clock */ }
    update();
  };

  const stay = async () => {
    toldAt = Date.now();
    try {
      await ask("POST");
      update("last"); // after 12 hours staying isn't possible
    } catch {
      check();
    }
  };

  const notice = () => {
    if (!dialog.open && Date.now() - toldAt > SHARED) stay();
  };

  dialog.querySelector("[data-stay]").addEventListener("click", stay);
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("cancel", (event) => {
    if (dialog.dataset.shown === "ended") event.preventDefault();
    else if (dialog.dataset.shown === "soon") stay();
  });
  addEventListener("input", notice);
  addEventListener("focus", () => endsAt - Date.now() <= WARNING && check());
  document.addEventListener("visibilitychange", () => !document.hidden && endsAt - Date.now() <= WARNING && check());
  timer = setTimeout(check, Math.max(0, endsAt - Date.now() - WARNING));
}
