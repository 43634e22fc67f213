// Adds a button to each date input that opens the calendar of the browser. The chosen day is written in words.
const writeDate = (day) =>
  new Intl.DateTimeFormat(document.documentElement.lang === "es" ? "es-US" : "en-US", {
    weekday: "short",
    month: "short",
    day: "numeric",
    year: "numeric",
    timeZone: "UTC",
  }).format(new Date(day));

addEventListener("DOMContentLoaded", () => {
  for (const input of document.querySelectorAll("input[data-day]")) {
    const calendar = document.createElement("input");
    Object.assign(calendar, { type: "date", className: "date-calendar", tabIndex: -1, defaultValue: input.dataset.day });
    calendar.setAttribute("aria-hidden", "true");
    calendar.addEventListener("change", () => {
      if (calendar.value) input.value = writeDate(calendar.value);
      input.focus();
    });
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "date-button", textContent: input.dataset.calendar });
    const name = input.getAttribute("aria-label") || input.labels[0]?.textContent.replace(":", "").trim();
    button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    button.addEventListener("click", () => calendar.showPicker());
    const both = document.createElement("span");
    both.className = "date-picker";
    both.append(button, calendar);
    input.after(both);
  }
});
