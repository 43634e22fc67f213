"""An empty spreadsheet of promises to fill in, with a row that shows how."""

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from partners.imports import columns
from partners.models import PromiseType, Sector

LEFT_OUT = {"year", "clearance"}  # every file is for one school year; clearance follows from the promise type


def promises_template() -> tuple[list[str], list[list]]:
    """Return the headings and the sample row."""
    promise_type = PromiseType.objects.filter(is_retired=False).first()
    sample = {
        "organization": _("Delta Books (sample, delete this row)"),
        "sector": str(Sector.BUSINESS.label),
        "contact": "Alma Reyes",
        "email": "alma@example.org",
        "phone": "(209) 555-0100",
        "promise_type": promise_type.localized_name if promise_type else "",
        "quantity": 6,
        "unit": promise_type.localized_units if promise_type else "",
        "grades": "TK–K, 1–3",
        "months": _("October, March"),
        "signed_by": "Alma Reyes",
        "signed_on": timezone.localdate(),
    }
    fields = {name: label for name, label in columns.labels().items() if name not in LEFT_OUT}
    return [capfirst(label) for label in fields.values()], [[sample.get(name, "") for name in fields]]
