"use strict";
// Where the browser does not heed autofocus, the error summary still takes the focus.
document.querySelector(".errors")?.focus();

// A second press within five seconds would only repeat the first; the server takes a repeat as the same answer anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const before = Number(form.dataset.sentAt || 0);
  if (before && event.timeStamp - before < 5000) event.preventDefault();
  else form.dataset.sentAt = event.timeStamp;
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sentAt;
});
