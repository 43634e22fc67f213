"""The guests' forms. They check shape; seats.py decides who gets seats."""

from functools import lru_cache

from crispy_forms.helper import FormHelper
from crispy_forms.utils import render_crispy_form
from django import forms
from django.utils import translation
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import Chips, Collapsible, Field, Include, Radios, form_helper
from imagine.core.forms import AddressField, LineField, NameField, TextField
from partners.models import Sector
from summit.models import MAX_PARTY_SIZE, Event, Guest, Invitation, Rsvp

NO_STUDENTS = _("Please don’t name students.")
LATER = _("You can add names later from your personal link. Please don’t name students.")


def companion_field(number: int) -> NameField:
    return NameField(
        label=_("Guest %(number)d") % {"number": number},
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RsvpForm(forms.Form):
    """A new RSVP on the event's page. Anything but these fields is ignored.

    It isn't a ModelForm: fields check themselves, and the rule and the database have the last word anyway.
    """

    name = NameField(
        label=_("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your name.")},
    )
    email = AddressField(
        label=_("Email"),
        max_length=254,
        help_text=_("We’ll send your confirmation and personal link here."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter your email, like name@example.org.")},
    )
    organization_name = NameField(
        label=_("Organization"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    sector = forms.ChoiceField(
        label=_("What kind of organization?"), choices=[("", _("Choose one")), *Sector.choices], required=False
    )
    size = forms.TypedChoiceField(
        label=_("How many people, including you?"), coerce=int, initial=1, widget=forms.RadioSelect
    )
    accepts_partial = forms.TypedChoiceField(
        label=_("If there aren’t enough seats"),
        coerce=lambda value: value == "fewer",
        empty_value=False,
        required=False,
        choices=[
            ("wait", _("Wait until there’s room for all of us")),
            ("fewer", _("Take the available seats and wait for the rest")),
        ],
        initial="wait",
        widget=forms.RadioSelect,
    )
    dietary_needs = NameField(
        label=_("Your food needs"), max_length=200, required=False, help_text=_("For example: vegetarian, no nuts.")
    )
    accessibility_needs = NameField(
        label=_("Your access or language needs"),
        max_length=200,
        required=False,
        help_text=_("For example: wheelchair space, Spanish interpreter."),
    )
    phone = LineField(
        label=_("Phone"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )
    note = TextField(
        label=_("Anything else we should know"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    # Errors are listed in this order, and then the other fields'.
    field_order = (
        *("name", "email", "organization_name", "sector", "size", "accepts_partial"),
        *(f"guest_{number}" for number in range(2, MAX_PARTY_SIZE + 1)),
    )

    def __init__(self, event: Event, *args, **kwargs):
        super().__init__(*args, auto_id="id_%s", **kwargs)
        self.event = event
        self.set_max_party_size(event.max_party_size)

    def set_max_party_size(self, most: int) -> None:
        size = self.fields["size"]
        size.choices = [(number, str(number)) for number in range(1, most + 1)]
        message = ngettext(
            "Choose 1. Each RSVP for this event is for one person.", "Choose a number from 1 to %(most)d.", most
        )
        size.error_messages = dict.fromkeys(("required", "invalid_choice", "invalid"), message % {"most": most})
        self.fields |= {f"guest_{number}": companion_field(number) for number in range(2, most + 1)}
        self.order_fields(self.field_order)

    @cached_property
    def helper(self) -> FormHelper:
        companions = [name for name in self.fields if name.startswith("guest_")]
        return form_helper(
            *(name for name in ("name", "email") if name in self.fields),
            "organization_name",
            "sector",
            Chips("size"),
            Radios("accepts_partial"),
            *([Collapsible(_("Who’s coming with you?"), *companions, hint=LATER)] if companions else []),
            Collapsible(_("Food, access or language needs"), "dietary_needs", "accessibility_needs", hint=NO_STUDENTS),
            Collapsible(_("Phone or a note for us"), "phone", "note", hint=NO_STUDENTS),
        )

    def clean(self):
        cleaned_data = super().clean()
        named = len(self.companions())
        if cleaned_data.get("size") and named >= cleaned_data["size"]:
            message = ngettext_lazy(
                "You named %(number)d guest besides yourself. Change the number of people or remove a name.",
                "You named %(number)d guests besides yourself. Change the number of people or remove a name.",
                named,
            )
            self.add_error("size", message % {"number": named})
        return cleaned_data

    def companions(self) -> list[str]:
        """Return the names of the other guests, from whichever fields they were typed in."""
        return [name for field, name in self.cleaned_data.items() if field.startswith("guest_") and name]

    def rsvp(self) -> Rsvp:
        """Return the unsaved RSVP in the page's language."""
        return Rsvp(event=self.event, language=get_language(), **self.values())

    def values(self) -> dict:
        fields = ("name", "email", "phone", "organization_name", "sector", "accepts_partial", "note")
        return {field: self.cleaned_data[field] for field in fields if field in self.fields}

    def differs_from(self, rsvp: Rsvp) -> bool:
        """Whether something else was typed than what an RSVP has."""
        typed = self.values() | {"email": rsvp.email, "party_size": self.cleaned_data["size"]}
        return any(getattr(rsvp, field) != value for field, value in typed.items())

    def guests(self) -> list[Guest]:
        """Return the unsaved guests that have a name, the contact first."""
        cleaned_data = self.cleaned_data
        contact = Guest(
            name=cleaned_data["name"],
            dietary_needs=cleaned_data["dietary_needs"],
            accessibility_needs=cleaned_data["accessibility_needs"],
        )
        return [contact, *(Guest(name=name) for name in self.companions())]


class InvitationForm(RsvpForm):
    """The RSVP of someone who was invited, prefilled with what we know. The address is the contact's."""

    email = None

    def __init__(self, invitation: Invitation, canceled_rsvp: Rsvp | None, *args, **kwargs):
        """`canceled_rsvp` would be reinstated."""
        self.event, self.contact = invitation.event, invitation.contact
        super().__init__(self.event, *args, initial=self.known_of(canceled_rsvp), **kwargs)

    def known_of(self, rsvp: Rsvp | None) -> dict:
        if rsvp is None:
            of = self.contact.organization
            initial = {"name": self.contact.name, "phone": self.contact.phone}
            return initial | ({"organization_name": of.name, "sector": of.sector} if of else {})
        fields = ("name", "phone", "organization_name", "sector", "note")
        initial, guests = {field: getattr(rsvp, field) for field in fields}, list(rsvp.guests.all())
        initial |= {f"guest_{guest.position}": guest.name for guest in guests if guest.position > 1}
        contact = (
            {"dietary_needs": guests[0].dietary_needs, "accessibility_needs": guests[0].accessibility_needs}
            if guests
            else {}
        )
        size = min(max(len(guests), 1), self.event.max_party_size)
        return initial | contact | {"size": size, "accepts_partial": "fewer" if rsvp.accepts_partial else "wait"}

    def rsvp(self) -> Rsvp:
        """Return the unsaved RSVP in the contact's language."""
        rsvp = super().rsvp()
        rsvp.language = self.contact.language
        return rsvp


class DeclineForm(forms.Form):
    """Decline, with a message or without."""

    decline_message = TextField(
        label=_("Message for us"),
        max_length=Invitation._meta.get_field("decline_message").max_length,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Community Relations staff will read it. Please don’t name students."),
    )

    helper = form_helper("decline_message")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, auto_id="id_%s", **kwargs)


@lru_cache(maxsize=2 * MAX_PARTY_SIZE)
def empty_fields(language: str, max_party_size: int) -> SafeString:
    """Render the fields of an empty RSVP form. They depend on nothing else, and rendering them takes longer than the
    rest of the landing page."""
    with translation.override(language):
        return render_crispy_form(RsvpForm(Event(max_party_size=max_party_size)))


class GuestForm(forms.ModelForm):
    """Name and needs of one guest on the RSVP's page."""

    name = NameField(label=_("Name"), max_length=100, required=False)
    dietary_needs = NameField(label=_("Food needs"), max_length=200, required=False)
    accessibility_needs = NameField(label=_("Access or language needs"), max_length=200, required=False)

    class Meta:
        model = Guest
        fields = ("name", "dietary_needs", "accessibility_needs")

    def __init__(self, guest: Guest, data=None):
        prefix = f"guest-{guest.pk}"
        sent = data is not None and any(
            f"{prefix}-{name}" in data for name in ("name", "dietary_needs", "accessibility_needs")
        )
        super().__init__(data if sent else None, instance=guest, prefix=prefix)
        self.guest, self.is_contact = guest, guest.position == 1
        if self.is_contact:
            self.fields["name"].required = True
            self.fields["name"].error_messages["required"] = _("Enter your name.")
        for name, field in self.fields.items():
            field.show_hidden_initial = True  # what the page showed, so that corrections by staff aren't overwritten
            field.widget.attrs["autocomplete"] = "name" if self.is_contact and name == "name" else "off"

    @cached_property
    def helper(self) -> FormHelper:
        note = _("(you)") if self.is_contact else "" if self.guest.name else _("(no name yet)")
        return form_helper(
            Field("name", label_note=note),
            *([] if self.is_contact else [Include("summit/_remove_guest.html")]),
            Collapsible(
                _("Food, access or language needs"),
                *("dietary_needs", "accessibility_needs"),
                template="summit/_guest_needs.html",
            ),
        )

    def typed(self) -> dict[str, str]:
        """Return what the guest changed from what the page showed, by field."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class ReinstateForm(forms.Form):
    """How many seats a canceled party asks for, by default as many as it had."""

    size = forms.ChoiceField(label=_("How many people, including you?"), widget=forms.RadioSelect)

    helper = form_helper(Chips("size"))

    def __init__(self, max_party_size: int, size: int):
        super().__init__(initial={"size": min(size, max_party_size)}, use_required_attribute=False)
        self.fields["size"].choices = [(number, number) for number in range(1, max_party_size + 1)]


class DateAlertForm(forms.Form):
    """The address to tell when the next summit has a date."""

    email = AddressField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter an email address, like name@example.org.")},
    )

    helper = form_helper("email")


class FindForm(forms.Form):
    """The address whose link was lost."""

    email = AddressField(
        label=_("Email"),
        max_length=254,
        help_text=_("The email you used to RSVP."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter the email you used to RSVP, like name@example.org.")},
    )

    helper = form_helper("email")
