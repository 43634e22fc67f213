// A phone RSVP: show the chosen event's available seats, and as many guests as there are seats.
"use strict";

{
  const event = document.getElementById("id_event");
  const size = document.getElementById("id_size");
  const help = document.querySelector("#id_size_helptext > div") || document.getElementById("id_size_helptext");
  const unknown = help.textContent;

  function showSeats() {
    help.textContent = event.selectedOptions[0]?.dataset.seats || unknown;
  }

  function showGuests() {
    const seats = Number(size.value) || 1;
    document.querySelectorAll(".form-row[class*='field-guest_']").forEach((row) => {
      const number = Number(row.className.match(/field-guest_(\d+)/)[1]);
      const isFilledIn = [...row.querySelectorAll("input")].some((input) => input.value);
      row.hidden = number > seats && !isFilledIn;
    });
  }

  event.addEventListener("change", showSeats);
  size.addEventListener("input", showGuests);
  showSeats();
  showGuests();
}
