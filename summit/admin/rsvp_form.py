"""The form of an RSVP in the admin, checked by the rules before it is saved."""

from django import forms
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.concurrent_edit import ConcurrentEditForm
from imagine.core.audit import MAX_LENGTH_REASON
from imagine.core.forms import AddressField
from summit import seats
from summit.admin import guest_forms
from summit.models import MAX_PARTY_SIZE, Rsvp


class RsvpAdminForm(ConcurrentEditForm):
    """Check the rules while the event is locked (the admin's page is one transaction), so that nothing that passes here
    is rejected when it is saved."""

    email = AddressField(
        label=_("Email"), max_length=254, required=False, help_text=_("Leave it blank if the caller has none.")
    )
    size = forms.IntegerField(label=_("Seats"), min_value=1, max_value=MAX_PARTY_SIZE)
    over_capacity = forms.BooleanField(label=_("Confirm seats over capacity"), required=False)
    reason = forms.CharField(label=_("Reason"), required=False, max_length=MAX_LENGTH_REASON)

    class Meta:
        model = Rsvp
        fields = (
            "event",
            "name",
            "email",
            "phone",
            "organization_name",
            "sector",
            "language",
            "accepts_partial",
            "party_dietary_needs",
            "party_accessibility_needs",
            "note",
        )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["size"].initial = self.instance.party_size
            self.fields["size"].help_text = _("To add or remove guests, change this number.")
            del self.fields["over_capacity"], self.fields["reason"]
        if self.instance.canceled_at:
            del self.fields["size"]

    def locked_row(self) -> Rsvp:
        return seats.lock_rsvp(self.instance)

    def value(self, row: Rsvp, name: str):
        return row.party_size if name == "size" else super().value(row, name)

    def state(self, row: Rsvp) -> dict[str, str]:
        """Include who is in the party; each guest's own form has the guest's details."""
        guests = list(row.guests.order_by("pk").values_list("pk", flat=True))
        size = {"size": str(row.party_size)} if "size" in self.fields else {}
        party = f"{row.held_seats} {row.waitlisted_seats} {row.canceled_at is not None} {guests}"
        return super().state(row) | size | {"party": party}

    def conflict_error(self, name: str, row: Rsvp):
        return (
            (None, *guest_forms.party_changes(self.data, row)) if name == "party" else super().conflict_error(name, row)
        )

    def clean(self):
        cleaned_data = super().clean()
        event = self.instance.event if self.instance.pk else cleaned_data.get("event")
        size = cleaned_data.get("size")
        if cleaned_data.get("over_capacity") and not cleaned_data.get("reason"):
            self.add_error("reason", _("Enter a reason. We save it in the change history."))
        if event is None or self.errors:
            return cleaned_data
        event = seats.lock_event(event.pk)
        try:
            if size and {"size", "accepts_partial"} & set(self.changed_data):
                seats.check_open(event, by_staff=True)
                seats.check_size(event, size, grows=size > self.instance.party_size)
        except seats.RsvpClosed as error:
            self.add_error(None, str(error))
        except seats.PartyOutOfBounds as error:
            self.add_error("size", str(error))
        if event.rsvps.with_email(cleaned_data["email"]).exclude(pk=self.instance.pk).exists():
            self.add_error("email", _("This email already has an RSVP for this event."))
        return cleaned_data
