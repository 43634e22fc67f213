"""What the holder of an address chooses about email to it."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from imagine.mail.models import EmailPreference
from imagine.mail.preferences import MAIL


class EmailPreferencesForm(forms.Form):
    """What mail an address wants, and in which language. Of an address that belongs to nobody we know, the language is
    not asked for: there is nothing to write it to."""

    invitations = forms.BooleanField(
        label=_("Invitations"), required=False, help_text=_("To the kick-off and the gatherings of the school year.")
    )
    reminders = forms.BooleanField(
        label=_("Reminders"),
        required=False,
        help_text=_("Before an event that you come to, names still missing, and a thank-you afterwards."),
    )
    news = forms.BooleanField(
        label=_("News"), required=False, help_text=_("A few times a year: what has come of the promises.")
    )
    language = forms.ChoiceField(
        label=_("We write to you in"),
        choices=settings.LANGUAGES,
        widget=forms.RadioSelect,
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Choose one of the languages.")),
    )

    def __init__(self, address: EmailPreference, spoken: str, *args, **kwargs):
        wanted = {name: getattr(address, f"wants_{name}") for name in MAIL}
        super().__init__(*args, initial=wanted | {"language": spoken}, auto_id="id_%s", **kwargs)
        if not spoken:
            del self.fields["language"]

    @property
    def ends_all(self) -> bool:
        return "nothing" in self.data

    @property
    def ticks(self) -> list[forms.BoundField]:
        return [self[name] for name in MAIL]

    def chosen_topics(self) -> dict[str, bool]:
        """Return whether each topic is wanted. The button "Nothing of this" overrides the checkboxes."""
        return {name: self.cleaned_data[name] and not self.ends_all for name in MAIL}

    def chosen_language(self) -> str:
        return self.cleaned_data.get("language", "")
