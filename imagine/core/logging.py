"""Logs as one JSON object per line. They have ids, routes and error types, never names, addresses or links."""

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")

EXTRAS = ("method", "route", "status", "ms", "message_id", "state", "ours", "rsvp_id", "event_id")
# The first defense is not to log any of these; this is the second.
PRIVATE = [
    # It starts at the beginning of a word only: from each letter on, a word of 10,000 letters would take a second.
    (re.compile(r"(?<![^\s@<>\"'])[^\s@<>\"']+@[^\s@<>\"']+"), "(address)"),
    (re.compile(r"(/(?:rsvp|promise|invitation|mail|admin/password/\w+)/)[^\s/?#\"'<>&]+"), r"\1(link)"),
    (re.compile(r"(?<![\w-])[A-Za-z0-9_-]{32,}(?![\w-])"), "(secret)"),
    (re.compile(r"\bip=\S+"), "ip=(visitor)"),
]


def without_links(text: str) -> str:
    """Replace the secret of each personal link."""
    pattern, replacement = PRIVATE[1]
    return pattern.sub(replacement, text)


def without_private(text: str) -> str:
    """Replace whatever looks like an address, a personal link or a secret."""
    for pattern, replacement in PRIVATE:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON. Of an exception it keeps the type and the places but not the message,
    because a database's message quotes the row."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | list[str]] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.words(record),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line.update({name: getattr(record, name) for name in EXTRAS if hasattr(record, name)})
        if record.exc_info and record.exc_info[0]:
            kind, _error, trace = record.exc_info
            line["error"] = kind.__name__
            line["at"] = [f"{f.filename.rsplit('/', 2)[-1]}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]
        return json.dumps(line, ensure_ascii=False, default=str)

    def words(self, record: logging.LogRecord) -> str:
        if isinstance(record.args, dict) and "exc" in record.args:  # Celery's messages quote the exception
            return f"{record.args.get('name')} failed"
        words = record.getMessage()
        # Django's messages about requests end with the path.
        if hasattr(record, "request") and record.args and isinstance(record.args, tuple):
            words = str(record.args[0])
        return without_private(words)
