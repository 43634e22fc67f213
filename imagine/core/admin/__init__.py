"""Parts that the admin pages of all apps are made of, and the page of the activity log."""

from imagine.core.admin.security_events import SecurityEventAdmin

__all__ = ["SecurityEventAdmin"]
