"""What admin pages say about an uploaded file, and what staff choose on them: sheet, columns and hidden rows."""

from collections.abc import Collection, Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

DELIMITERS = {"comma": _("commas"), "semicolon": _("semicolons"), "tab": _("tabs"), "bar": _("vertical bars")}


def file_context(description: Mapping[str, Any], labels: Mapping[str, Any], *, can_choose: bool) -> dict:
    """Return what `admin/core/_file_description.html` shows. `labels` are the fields that a column can have."""
    delimiter = description.get("delimiter", "")
    header = description.get("header", [])
    return {
        "file": description,
        "delimiter": DELIMITERS.get(delimiter, delimiter),
        "columns": [(heading, labels.get(field, field)) for heading, field in description.get("columns", [])],
        "can_choose": can_choose and any(heading for heading, _field, _hidden in header),
        "choices": [
            {"number": number, "heading": heading, "field": field, "is_hidden": is_hidden}
            for number, (heading, field, is_hidden) in enumerate(header)
            if heading
        ],
        "field_choices": list(labels.items()),
    }


def chosen_fields(data: QueryDict, description: Mapping[str, Any], fields: Collection[str]) -> dict[str, str]:
    """Return the fields that staff chose for headings, without those that are as they were."""
    chosen = {}
    for number, (heading, field, _is_hidden) in enumerate(description.get("header", [])):
        value = data.get(f"column-{number}", field)
        if heading and value != field and (not value or value in fields):
            chosen[heading] = value
    return chosen


def chosen_sheet(data: QueryDict, description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sheet that staff chose, if the file has it, and whether to read hidden rows."""
    names = [description.get("sheet", ""), *(other["name"] for other in description.get("others", []))]
    name = data.get("sheet", "")
    return {"sheet": name if name in names else names[0], "with_hidden": "with_hidden" in data}
