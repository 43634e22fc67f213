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
        "The link belongs to your organization alone. Whoever has it can change your promises, so forward it only to "
        "people who may."
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
        title=gettext_lazy("Promises not signed yet"),
        topic="reminders",
        placeholders={
            "organization": gettext_lazy("the reader’s organization"),
            "year": gettext_lazy("the school year, as 2027–28"),
            "closes": gettext_lazy("the day until which it is announced as open; nothing when none is"),
        },
        subject=gettext_lazy("Your promises for {year} are not signed yet"),
        paragraphs=(
            gettext_lazy("What you ticked for {organization} is saved, but it counts only when it is signed."),
            gettext_lazy("If you decided otherwise, do nothing: we do not remind you again."),
        ),
        button=gettext_lazy("Finish and sign"),
        reason=gettext_lazy("You get this mail, once, because promises were begun with this address."),
        example=example_of_draft,
    )
)
