"""What admin pages say about an uploaded file: how it was read, and which columns were used for what."""

from django.utils.translation import gettext_lazy as _

DELIMITERS = {"comma": _("commas"), "semicolon": _("semicolons"), "tab": _("tabs"), "bar": _("vertical bars")}
