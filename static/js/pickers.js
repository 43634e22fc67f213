// Names the links to Django's calendars and clocks, which have only an icon. Django adds them on load, before this runs.
addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".date-icon, .clock-icon")) {
    const input = icon.closest(".datetimeshortcuts").previousElementSibling;
    icon.parentElement.setAttribute("aria-label", `${icon.title}: ${input.getAttribute("aria-label")}`);
  }
});
