from django.utils.translation import gettext as _

from imagine.core.errors import RuleViolation

MAX_COLUMNS = 100


class Unreadable(RuleViolation):
    """The file can't be read as a table. The text is a sentence for the person who uploaded it."""


class ColumnMissing(Unreadable):
    """No column is known to have what the file must have. `description` says which columns there are."""

    def __init__(self, message: str, description: dict):
        super().__init__(message)
        self.description = description


def too_wide() -> Unreadable:
    message = _("This file has more than %(most)d columns. Delete the ones you don’t need.")
    return Unreadable(message % {"most": MAX_COLUMNS})


def too_large() -> Unreadable:
    return Unreadable(_("This Excel file is too large to read. Save the sheet as CSV instead."))


def damaged() -> Unreadable:
    return Unreadable(
        _("This file is damaged, or isn’t really an Excel (.xlsx) file. Open it in Excel and save it again.")
    )


def not_a_spreadsheet(what: str = "") -> Unreadable:
    """Say what the file is, if we know, and how to save it as one that we read."""
    how = _("Open it in Excel or Google Sheets, save it as an Excel workbook (.xlsx) or CSV, and upload that file.")
    return Unreadable(f"{what or _('This isn’t a spreadsheet we can read.')} {how}")
