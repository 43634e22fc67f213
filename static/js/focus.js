"use strict";
// Where the browser does not heed autofocus, the error summary still takes the focus.
document.querySelector(".error-summary")?.focus();

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

// Without a file a form goes the short way, a third of the bytes; the server reads both.
document.addEventListener("submit", ({target: form}) => {
  const file = form.querySelector("input[type=file]");
  if (file) form.enctype = file.files.length ? "multipart/form-data" : "application/x-www-form-urlencoded";
});
