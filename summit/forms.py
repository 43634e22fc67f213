"""The forms of guests who aren't coming yet; party_forms.py has those of an RSVP's page. They check shape; seats.py
decides who gets seats."""

from functools import lru_cache

from crispy_forms.helper import FormHelper
from crispy_forms.utils import render_crispy_form
from django import forms
from django.utils import translation
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import Chips, Collapsible, Include, Radios, form_helper
from imagine.core.forms import AddressField, LineField, NameField, TextField
from partners.models import Sector
from summit.models import MAX_PARTY_SIZE, Event, Guest, Invitation, Rsvp

NO_STUDENTS = _("Please don’t name students.")
GUEST_FIELDS = ("name", "dietary_needs", "accessibility_needs")


def companion_fields(number: int) -> dict[str, NameField]:
    """Return the fields of a guest other than the contact."""
    labels = {
        "guest": _("Guest %(number)d"),
        "dietary_needs": _("Food needs of guest %(number)d"),
        "accessibility_needs": _("Access or language needs of guest %(number)d"),
    }
    return {
        f"{name}_{number}": NameField(
            label=label % {"number": number},
            max_length=100 if name == "guest" else 200,
            required=False,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        for name, label in labels.items()
    }


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
    party_dietary_needs = NameField(label=_("Food needs of anyone in your party"), max_length=200, required=False)
    party_accessibility_needs = NameField(
        label=_("Access or language needs of anyone in your party"), max_length=200, required=False
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
        *(name for number in range(2, MAX_PARTY_SIZE + 1) for name in companion_fields(number)),
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
        for number in range(2, most + 1):
            self.fields |= companion_fields(number)
        self.order_fields(self.field_order)

    @cached_property
    def helper(self) -> FormHelper:
        companions = [self.companion_row(number) for number in range(2, self.event.max_party_size + 1)]
        party_needs = ("party_dietary_needs", "party_accessibility_needs")
        shared = Include("summit/_party_needs.html", *party_needs, is_typed=self.is_typed(*party_needs))
        return form_helper(
            *(name for name in ("name", "email") if name in self.fields),
            "organization_name",
            "sector",
            Chips("size"),
            Radios("accepts_partial"),
            *([Include("summit/_guest_rows.html", *companions)] if companions else []),
            Collapsible(
                _("Food, access or language needs"),
                *("dietary_needs", "accessibility_needs"),
                *([shared] if companions else []),
                hint=NO_STUDENTS,
            ),
            Collapsible(_("Phone or a note for us"), "phone", "note", hint=NO_STUDENTS),
        )

    def companion_row(self, number: int) -> Include:
        """Return the fields of one guest. The page shows as many rows as the chosen size needs, and those that were
        filled in."""
        name, *needs = companion_fields(number)
        return Include(
            "summit/_guest_row.html",
            name,
            Collapsible(_("Food, access or language needs"), *needs, template="summit/_guest_needs.html"),
            place=number,
            is_typed=self.is_typed(name, *needs),
        )

    def is_typed(self, *names: str) -> bool:
        return any(self[name].value() for name in names)

    def clean(self):
        cleaned_data = super().clean()
        size, named = cleaned_data.get("size"), len(self.companions())
        if size and named >= size:
            message = ngettext_lazy(
                "You listed %(number)d guest besides yourself. Choose %(size)d people, or clear that guest’s answers.",
                "You listed %(number)d guests besides yourself. Choose %(size)d people, or clear a guest’s answers.",
                named,
            )
            self.add_error("size", message % {"number": named, "size": named + 1})
        return cleaned_data

    def companion(self, number: int) -> Guest:
        values = (self.cleaned_data.get(name, "") for name in companion_fields(number))
        return Guest(**dict(zip(GUEST_FIELDS, values, strict=True)))

    def companions(self) -> list[Guest]:
        """Return the other guests who have a name or needs, from whichever rows they were typed in."""
        rows = (self.companion(number) for number in range(2, self.event.max_party_size + 1))
        return [guest for guest in rows if any(getattr(guest, field) for field in GUEST_FIELDS)]

    def rsvp(self) -> Rsvp:
        """Return the unsaved RSVP in the page's language."""
        return Rsvp(event=self.event, language=get_language(), **self.values())

    def values(self) -> dict:
        fields = (
            *("name", "email", "phone", "organization_name", "sector", "accepts_partial", "note"),
            *("party_dietary_needs", "party_accessibility_needs"),
        )
        return {field: self.cleaned_data[field] for field in fields if field in self.fields}

    def details(self) -> dict[str, str | bool]:
        """Return what was typed about the party besides name, address, and guests."""
        return {name: value for name, value in self.values().items() if name not in {"name", "email"}}

    def guests(self) -> list[Guest]:
        """Return the unsaved guests, the contact first. Those without a name keep their place, unless the others need
        it."""
        size, companions = self.cleaned_data["size"], self.companions()
        contact = Guest(**{field: self.cleaned_data[field] for field in GUEST_FIELDS})
        in_rows = [self.companion(number) for number in range(2, size + 1)]
        is_complete = sum(any(getattr(guest, field) for field in GUEST_FIELDS) for guest in in_rows) == len(companions)
        return [contact, *(in_rows if is_complete else companions)]


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
        fields = (
            *("name", "phone", "organization_name", "sector", "note"),
            *("party_dietary_needs", "party_accessibility_needs"),
        )
        initial, guests = {field: getattr(rsvp, field) for field in fields}, list(rsvp.guests.all())
        for guest in guests:
            names = GUEST_FIELDS if guest.position == 1 else companion_fields(guest.position)
            initial |= {name: getattr(guest, field) for name, field in zip(names, GUEST_FIELDS, strict=True)}
        size = min(max(len(guests), 1), self.event.max_party_size)
        return initial | {"size": size, "accepts_partial": "fewer" if rsvp.accepts_partial else "wait"}

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
        help_text=_("The email you used to RSVP or to make a promise."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter the email you used, like name@example.org.")},
    )

    helper = form_helper("email")
