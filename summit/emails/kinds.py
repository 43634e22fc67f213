from django.db.models import TextChoices

from summit.emails import templates


class SummitEmailKind(TextChoices):
    RSVP_CONFIRMED = "rsvp_confirmed"
    RSVP_WAITLISTED = "rsvp_waitlisted"
    RSVP_PROMOTED = "rsvp_promoted"
    RSVP_CHANGED = "rsvp_changed"
    RSVP_CANCELED = "rsvp_canceled"
    RSVP_LINK = "rsvp_link"
    RSVP_NEW_LINK = "rsvp_new_link"
    EVENT_RESCHEDULED = "event_rescheduled"
    EVENT_CANCELED = "event_canceled"
    INVITATION = templates.INVITATION.code
    INVITATION_LINK = "invitation_link"
    INVITATION_NEW_LINK = "invitation_new_link"
    INVITATION_MERGED = "invitation_merged"  # was INVITATION; its link no longer works
    INVITATION_UNANSWERED = templates.UNANSWERED.code
    INVITATION_MOVED = templates.INVITATION_MOVED.code
    INVITATION_CANCELED = templates.INVITATION_CANCELED.code
    REMINDER_WEEK = templates.WEEK.code
    REMINDER_DAY = templates.DAY.code
    REMINDER_NAMES = templates.NAMES.code
    THANKS = templates.THANKS.code
    STAFF_EMAIL = "staff_email"
    DATE_ALERT_LINK = "date_alert_link"
    DATE_SET = "date_set"

    @classmethod
    def with_seats(cls) -> "set[SummitEmailKind]":
        """Emails that say what seats a party has, or that the event changed."""
        return {cls.RSVP_CONFIRMED, cls.RSVP_WAITLISTED, cls.RSVP_PROMOTED, cls.RSVP_CHANGED, cls.EVENT_RESCHEDULED}
