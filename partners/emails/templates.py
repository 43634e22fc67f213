"""The default texts of the emails to partners that staff can edit."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagine.core.formatting import short_date
from imagine.mail.editable_templates import EditableTemplate, TemplateExample, register_template
from partners.models import PledgeYear

Card = tuple[tuple[str, ...], ...]


def year_facts(year: PledgeYear) -> dict[str, str]:
    return {"year": year.school_years, "closes": short_date(year.announced_deadline)}


def pledge_card(organization: str, year: PledgeYear) -> Card:
    """Return the organization, school year and deadline to show in an email, in the current language."""
    lines = [_("School year %(year)s") % {"year": year.school_years}]
    if year.announced_deadline:
        lines.append(_("Open until %(day)s") % {"day": short_date(year.announced_deadline)})
    return ((organization,), tuple(lines))


def pledge_note() -> str:
    return _(
        "This link is just for your organization. Anyone who has it can change your promises, so forward it only to "
        "people who are allowed to."
    )


def example_of_draft() -> TemplateExample:
    today = timezone.localdate()
    year = PledgeYear(school_year=today.year, announced_deadline=today + timedelta(days=30))
    organization = "Delta Orchards"
    return TemplateExample(
        {"organization": organization}, year_facts(year), pledge_card(organization, year), notes=(pledge_note(),)
    )


DRAFT = register_template(
    EditableTemplate(
        code="draft",
        title=gettext_lazy("Unsigned pledge"),
        topic="reminders",
        placeholders={
            "organization": gettext_lazy("the recipient’s organization"),
            "year": gettext_lazy("the school year, like 2027–28"),
            "closes": gettext_lazy("the announced deadline; empty if there is none"),
        },
        subject=gettext_lazy("Your promises for {year} aren’t signed yet"),
        paragraphs=(
            gettext_lazy(
                "Thank you for choosing promises for {organization}. Your draft is saved, and it takes effect when you "
                "sign it."
            ),
            gettext_lazy("Changed your mind? You don’t need to do anything. This is the only reminder we’ll send."),
        ),
        button=gettext_lazy("Finish and sign"),
        reason=gettext_lazy("You’re getting this email because your organization has a pledge that isn’t signed yet."),
        example=example_of_draft,
    )
)


def example_of_renewal() -> TemplateExample:
    example, today = example_of_draft(), timezone.localdate()
    personal = {**example.personal, "name": "Alma Reyes", "promises": _("Host tours and field trips (6 visits)")}
    last_year = PledgeYear(school_year=today.year - 1).school_years
    return example._replace(personal=personal, facts={**example.facts, "last_year": last_year})


RENEWAL = register_template(
    EditableTemplate(
        code="renewal",
        title=gettext_lazy("Invitation to renew promises"),
        topic="invitations",
        placeholders={
            "name": gettext_lazy("the recipient’s name"),
            "organization": gettext_lazy("the recipient’s organization"),
            "promises": gettext_lazy("last year’s promises"),
            "last_year": gettext_lazy("last school year, like 2026–27"),
            "year": gettext_lazy("the school year, like 2027–28"),
            "closes": gettext_lazy("the announced deadline; empty if there is none"),
        },
        subject=gettext_lazy("Will you renew your promises for {year}?"),
        paragraphs=(
            gettext_lazy("Hi {name}, thank you for what {organization} promised students for {last_year}: {promises}."),
            gettext_lazy(
                "The school year {year} is open for promises. Your promises from last year are filled in as a draft. "
                "Keep, change, or remove each one, then sign. Nothing is promised until you sign."
            ),
        ),
        button=gettext_lazy("Look over your promises"),
        reason=gettext_lazy("You’re getting this email because your organization was a partner last school year."),
        example=example_of_renewal,
    )
)
