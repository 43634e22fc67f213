"use strict";
// Some browsers ignore autofocus on an element that isn't a field.
document.querySelector(".error-summary, [role=status][autofocus]")?.focus();

// Ignore a second submit within five seconds. The server takes a repeated form as the same answer anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const previous = Number(form.dataset.sentAt || 0);
  if (previous && event.timeStamp - previous < 5000) event.preventDefault();
  else form.dataset.sentAt = event.timeStamp;
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sentAt;
});

// The language button sends the form that was typed in last.
document.addEventListener("input", ({target: {form}}) => {
  if (!["answers", "decline-form"].includes(form?.id)) return;
  for (const part of document.querySelectorAll(".language-switch [form]")) part.setAttribute("form", form.id);
});

// Guests beyond the chosen number are hidden. What was typed there is left out.
document.addEventListener("submit", ({target: form}) => {
  for (const row of form.querySelectorAll(".guest-row")) row.disabled = row.offsetParent === null;
});
addEventListener("pageshow", () => {
  for (const row of document.querySelectorAll(".guest-row")) row.disabled = false;
});

// Without a file, send the shorter encoding, a third of the bytes. The server reads both.
document.addEventListener("submit", ({target: form}) => {
  const file = form.querySelector("input[type=file]");
  if (file) form.enctype = file.files.length ? "multipart/form-data" : "application/x-www-form-urlencoded";
});
