"""The form of an event, with checks across fields."""

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.concurrent_edit import ConcurrentEditForm
from summit import seats
from summit.models import Event

GO_BACK = "back"
NOTHING_SAVED = _("Nothing was saved, and no one was emailed. Make your changes, then save.")
TOO_SMALL = _("Enter %(limit_value)d or more.")
TOO_LARGE = _("Enter %(limit_value)d or less.")


class EventAdminForm(ConcurrentEditForm):
    class Meta:
        model = Event
        exclude = ("canceled_at",)
        error_messages = {
            "slug": {
                "unique": _("Another event already has this web address. Enter a different one."),
                "invalid": _("Use only letters, numbers, and hyphens, with no spaces."),
            },
            "capacity": {"min_value": TOO_SMALL, "max_value": TOO_LARGE},
            "reserved_seats": {"min_value": TOO_SMALL, "max_value": TOO_LARGE},
            "max_party_size": {"min_value": TOO_SMALL, "max_value": TOO_LARGE},
        }

    def locked_row(self) -> Event:
        return seats.lock_event(self.instance.pk)

    def clean(self):
        cleaned_data = super().clean()
        if "_back" in self.data:
            self.add_error(None, ValidationError(NOTHING_SAVED, code=GO_BACK))
        self.check_times(cleaned_data)
        self.check_numbers(cleaned_data)
        return cleaned_data

    @property
    def comes_back(self) -> bool:
        """Whether the form is shown again only because someone pressed "Go back" and nothing is wrong with it."""
        return [error.code for errors in self.errors.as_data().values() for error in errors] == [GO_BACK]

    def check_times(self, cleaned_data: dict) -> None:
        starts, ends = cleaned_data.get("starts_at"), cleaned_data.get("ends_at")
        opens, closes = cleaned_data.get("rsvp_opens_at"), cleaned_data.get("rsvp_closes_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("Choose an end time after the event starts."))
            ends = None
        elif ends and "ends_at" in self.changed_data and self.leaves_guests_behind(ends):
            self.add_error(
                "ends_at",
                _("This time has passed, and guests have RSVP’d. To notify them, use “Cancel event” above."),
            )
        if opens and closes and closes <= opens:
            self.add_error("rsvp_closes_at", _("Choose a closing time after RSVPs open."))
        elif ends and closes and closes > ends:
            self.add_error("rsvp_closes_at", _("RSVPs can’t stay open after the event ends. Choose an earlier time."))

    def leaves_guests_behind(self, ends) -> bool:
        """Return whether an upcoming event with RSVPs would be over right away, so that no one would be notified."""
        if not self.instance.pk or ends > timezone.now():
            return False
        stored = Event.objects.get(pk=self.instance.pk)
        return stored.is_editable and stored.rsvps.active().exists()

    def check_numbers(self, cleaned_data: dict) -> None:
        """Check only numbers that changed, so that an event saved before a check existed can still be edited."""
        capacity, max_party_size = cleaned_data.get("capacity"), cleaned_data.get("max_party_size")
        if (
            capacity
            and max_party_size
            and max_party_size > capacity
            and {"capacity", "max_party_size"} & set(self.changed_data)
        ):
            self.add_error("max_party_size", _("The maximum party size can’t be larger than the capacity."))
        reserved = cleaned_data.get("reserved_seats")
        if capacity is not None and reserved and reserved > capacity and "reserved_seats" in self.changed_data:
            self.add_error("reserved_seats", _("You can’t reserve more seats than the capacity."))
