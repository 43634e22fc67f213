"use strict";
// Asks before the language is switched on a page where something was entered but not saved.
{
  const form = document.getElementById("language-form");

  const isOtherChosen = (select) => {
    const options = [...select.options];
    if (!select.multiple && !options.some((option) => option.defaultSelected)) return select.selectedIndex > 0;
    return options.some((option) => option.selected !== option.defaultSelected);
  };

  const isChanged = (field) => {
    if (field.type === "hidden") return false;
    if (field.options) return isOtherChosen(field);
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    return "defaultValue" in field && field.value !== field.defaultValue;
  };

  // A page that came back with errors shows what was entered as if it had been there from the start.
  const isUnsaved = () =>
    "unsaved" in form.dataset ||
    [...document.forms].some((other) => other.method === "post" && [...other.elements].some(isChanged));

  form.addEventListener("submit", (event) => {
    if (isUnsaved() && !confirm(form.dataset.question)) event.preventDefault();
  });
}
