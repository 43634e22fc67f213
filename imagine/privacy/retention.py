"""What we keep about people, why, for how long, and what happens then, in one table.

`/imagine/privacy/` shows the table and `carry_out` enforces it. tests/privacy/test_retention.py fails for a column that
is neither in a rule's `columns` nor in NOT_PERSONAL. A new personal column needs a rule. The page keeps the order here.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from importlib import import_module

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from imagine.core import rate_limit, security_events
from imagine.mail import retention as mail_retention
from imagine.privacy import expiry
from imagine.privacy.models import Hold
from partners.imports import workflow as import_workflow
from partners.pledges import signup as pledge_signup
from summit import date_alerts
from summit import retention as summit_retention
from summit.invitations import contact_import
from summit.staff_emails import retention as staff_email_retention

logger = logging.getLogger(__name__)

HOURLY, NIGHTLY = "hourly", "nightly"
RUN_SECONDS = 20  # then another task continues, so that emails don't wait

Held = Collection[str]  # addresses on hold, in lower case


@dataclass(frozen=True)
class Rule:
    """A kind of data. `carry_out` deletes one batch of the rows that are due, except those of people on hold, and
    returns how many. Rules without it are carried out elsewhere."""

    what: Promise
    why: Promise
    until: Promise
    then: Promise
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    carry_out: Callable[[Held], int] | None = None
    period: str = NIGHTLY


def clear_expired_sessions(held: Held) -> int:
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return 0


def delete_rate_limit_counts(held: Held) -> int:
    rate_limit.delete_old_counts()
    return 0


DELETED = _("Deleted.")

RULES = [
    Rule(
        _("Each guest’s food, access, and language needs"),
        _("To plan meals and seating."),
        _("30 days after the event."),
        DELETED,
        {
            "summit.Guest": ("dietary_needs", "accessibility_needs"),
            "summit.Rsvp": ("party_dietary_needs", "party_accessibility_needs"),
        },
        summit_retention.clear_needs,
    ),
    Rule(
        _("The note you send with an RSVP"),
        _("To prepare for your visit."),
        _("6 months after the event."),
        _("Deleted, also from the change history."),
        {"summit.Rsvp": ("note",)},
        summit_retention.clear_notes,
    ),
    Rule(
        _("What you write when you decline an invitation"),
        _("To learn what would work better for you."),
        _("6 months after the event."),
        DELETED,
        {"summit.Invitation": ("decline_message",)},
        summit_retention.clear_decline_messages,
    ),
    Rule(
        _("An RSVP: the guests’ names, your email, phone, and organization, and your personal link"),
        _("For badges and check-in, to email you about the event, and to invite you to the next one."),
        _("13 months after the event."),
        _(
            "Removed, also from the change history, along with the partner it belongs to. We keep the number of seats, "
            "how many people came, and the sector."
        ),
        {
            "summit.Rsvp": (
                *("name", "email", "phone", "organization_name", "normalized_organization_name", "search_text"),
                *("organization", "no_organization"),
                *("token", "browser_token", "browser_hash", "verified_at"),
            ),
            "summit.Guest": ("name", "search_text", "checked_in_at"),
        },
        summit_retention.remove_names,
    ),
    Rule(
        _("A contact: name, role, email, phone, and language, and the invitations we sent them"),
        _("To email them about their organization’s pledge and invite them to events."),
        _(
            "As long as their organization has a pledge, or they have an RSVP or an invitation to an upcoming event. "
            "Otherwise, 18 months."
        ),
        _("Deleted, along with the invitations, the emails about them, and the change history."),
        {
            "partners.Contact": (
                "name",
                "role",
                "email",
                "phone",
                "language",
                "is_primary",
                "may_open_pledge",
                "created_at",
            ),
            "summit.Invitation": (
                *("contact", "token", "verified_at", "emailed_at", "declined_at", "rsvp"),
                *("notified_version", "previous_notified_version"),
            ),
        },
        expiry.delete_unused_contacts,
    ),
    Rule(
        _("A request to start a pledge, and our emails about it"),
        _("To email you the link to the pledge."),
        _("60 days."),
        DELETED,
        {
            "partners.PledgeRequest": (
                *("organization", "name", "email", "language", "sector", "token", "source"),
                *("browser_token", "verified_at", "role", "phone", "pledge", "answered_at", "created_at"),
            )
        },
        pledge_signup.delete_stale_requests,
        HOURLY,
    ),
    Rule(
        _("A pledge: its contact, who signed each version, and the notes about promises"),
        _("To keep a record of what a partner promised, and who signed for it."),
        _("Until the person asks us to remove their name."),
        _("The organization keeps its promises, without the name."),
        {
            "partners.Pledge": ("contact", "signed_by", "signed_role", "token", "verified_at", "language"),
            "partners.Signature": ("signed_by", "signed_role", "content"),
            "partners.Promise": ("note",),
        },
    ),
    Rule(
        _("An organization’s profile and logo"),
        _("To reach the organization and, if it asks us to, list it publicly."),
        _("Until the organization asks us to remove them, or we remove the organization."),
        DELETED,
        {
            "partners.Organization": (
                *("name", "normalized_name", "slug", "description", "website", "phone", "address"),
            ),
            "partners.Logo": ("png",),
            "partners.SlugRedirect": ("slug",),
        },
    ),
    Rule(
        _("The text of our emails, including the personal links"),
        _("To send an email again if it gets lost."),
        _("30 days after it was sent."),
        DELETED,
        {"mail.Message": tuple(mail_retention.CONTENT)},
        mail_retention.clear_content,
    ),
    Rule(
        _("A record of each email: the address, what it was about, and whether it arrived"),
        _("To answer questions, and to avoid emailing you twice."),
        _("2 years after it was sent."),
        DELETED,
        {
            "mail.Message": (
                *("recipient", "language", "subject", "attachment_name", "last_error"),
                *("bounced_at", "complained_at", "handled_at"),
            )
        },
        mail_retention.delete_old_messages,
    ),
    Rule(
        _("Which emails an address wants, and whether our emails to it bounce"),
        _("To respect your choice."),
        _(
            "As long as we have the address. If you unsubscribed or our emails bounced, until you ask us to forget it: "
            "otherwise we might email you again."
        ),
        DELETED,
        {
            "mail.EmailPreference": (
                *("email", "token", "wants_invitations", "wants_reminders", "wants_news"),
                *("suppressed_at", "suppression_reason", "changed_at"),
            )
        },
        expiry.delete_unused_preferences,
    ),
    Rule(
        _("A request for a lost link"),
        _("To email you the link."),
        _("Until we answer it, usually within a minute."),
        DELETED,
        {"summit.LinkRequest": ("email",)},
    ),
    Rule(
        _("A request to be told when the next summit has a date"),
        _("To email you once, when the summit is announced."),
        _(
            "7 days if you don’t confirm it. Otherwise until a month after we told you, or until you take yourself off "
            "the list, 2 years at most."
        ),
        DELETED,
        {"summit.DateAlert": ("email", "language", "token", "verified_at", "asked_at", "answered_at", "told_at")},
        date_alerts.delete_old_alerts,
        HOURLY,
    ),
    Rule(
        _("A list of people to invite that staff upload"),
        _("To invite the people on it."),
        _("A day, or until staff use it."),
        DELETED,
        {
            "summit.ContactListUpload": ("file", "file_name", "rejection_reason", "options", "format"),
            "summit.UploadedPerson": ("email", "name", "organization", "language", "reason"),
        },
        contact_import.discard_stale_uploads,
        HOURLY,
    ),
    Rule(
        _("A file that staff attach to an email to guests"),
        _("To send it with the email."),
        _("60 days after the email was sent."),
        DELETED,
        {"summit.StaffEmail": ("attachment",)},
        staff_email_retention.clear_attachments,
        NIGHTLY,
    ),
    Rule(
        _("A spreadsheet of partners that staff import"),
        _("To check it before saving it."),
        _("The file and its rows, until they’re saved: 14 days at most."),
        DELETED,
        {
            "partners.Import": ("file", "options", "not_undone"),
            "partners.ImportRow": ("values", "errors", "name", "normalized_name"),
            "partners.ImportedOrganization": ("name", "normalized_name", "existing_matches", "matches_in_file"),
        },
        import_workflow.discard_stale_imports,
        HOURLY,
    ),
    Rule(
        _("The name of an imported file"),
        _("To know where data came from."),
        _("6 months."),
        _("Removed, also from the change history."),
        {"partners.Import": ("file_name", "rejection_reason", "format")},
        lambda held: import_workflow.remove_file_names(),
    ),
    Rule(
        _("The change history: what changed, when, and who changed it"),
        _("To fix mistakes and answer questions."),
        _("The values, as long as the data itself. The entry, 2 years, or 2 years after the event it’s about."),
        DELETED,
        {"core.AuditEntry": ("object_id", "changes", "reason", "actor_kind", "actor_name", "created_at")},
        expiry.delete_old_history,
    ),
    Rule(
        _("A scrambled version of the network address a form was sent from"),
        _("To block bots."),
        _("A day."),
        DELETED,
        {"core.RateLimitCount": ("key",)},
        delete_rate_limit_counts,
        HOURLY,
    ),
    Rule(
        _("Where staff are signed in: the browser, the network, and when"),
        _("To keep staff signed in, and show them where."),
        _("Until they expire."),
        DELETED,
        {
            "accounts.StaffSession": (
                *("session_key", "session_data", "user", "signed_in_at", "last_used_at"),
                *("network", "browser", "is_shared_computer"),
            ),
        },
        clear_expired_sessions,
        HOURLY,
    ),
    Rule(
        _("Staff accounts, and usernames in records of what staff did"),
        _("To sign staff in, and to know who did what."),
        _("The account, as long as the person works with this site. A username, as long as the record it’s in."),
        _("Deleted by an administrator, or along with the record."),
        {
            "auth.User": (
                *("username", "first_name", "last_name", "email", "password", "last_login", "date_joined"),
                *("is_active", "is_staff", "is_superuser"),
            ),
            "accounts.Passkey": ("user", "name", "credential_id", "data", "sign_count", "created_at", "last_used_at"),
            "accounts.SsoIdentity": ("user", "issuer", "subject"),
            "otp_totp.TOTPDevice": (
                *("user", "name", "key", "last_t", "created_at", "last_used_at"),
                *("throttling_failure_timestamp", "throttling_failure_count"),
            ),
            "otp_static.StaticDevice": (
                *("user", "created_at", "last_used_at", "throttling_failure_timestamp", "throttling_failure_count"),
            ),
            "otp_static.StaticToken": ("token",),
            "mail.Mailing": ("started_by",),
            "summit.StaffEmail": ("written_by",),
            "mail.TemplateOverride": ("changed_by",),
            "partners.DuplicateCandidate": ("dismissed_by",),
            "partners.Import": ("created_by",),
            "partners.Organization": ("approved_by",),
        },
    ),
    Rule(
        _("The activity log: which staff member signed in, exported a list, replaced a link, and so on"),
        _("To find out who did what if something goes wrong."),
        _("2 years. Until then, this site doesn’t let anyone change or delete an entry."),
        DELETED,
        {"core.SecurityEvent": ("user", "user_name", "network", "object_id", "facts", "created_at")},
        lambda held: security_events.delete_old_events(),
    ),
    Rule(
        _("The admin log: what staff saved"),
        _("To fix mistakes."),
        _("2 years."),
        DELETED,
        {"admin.LogEntry": ("user", "object_id", "object_repr", "change_message", "action_time")},
        expiry.delete_old_log,
    ),
    Rule(
        _("A hold: the address of someone whose data we must not delete, and why"),
        _("The law can require us to keep records, for example while a public records request is open."),
        _("2 years after the hold ends."),
        DELETED,
        {"privacy.Hold": ("email", "reason", "created_by")},
        lambda held: expiry.delete_old_holds(),
    ),
    Rule(
        _("A record that we erased someone: a scrambled version of the address, when, and who did it"),
        _("To erase them again if we have to restore a backup."),
        _("As long as this site is in use. No one can read the address from it."),
        _("Deleted with the site."),
        {"privacy.Erasure": ("email_hash", "erased_at", "erased_by")},
    ),
]

# Columns that say nothing about a person: numbers, states and times of things, and what staff write about the program.
NOT_PERSONAL = {
    "core.AuditEntry": ("id", "content_type"),
    "core.RateLimitCount": ("id", "since", "count"),
    "core.SecurityEvent": ("id", "kind", "content_type"),
    "mail.Mailing": (
        *("id", "content_type", "object_id", "template", "title", "recipient_count", "skipped_count"),
        *("created_at", "rendered_at", "paused_at", "stopped_at"),
    ),
    "mail.ReportMailbox": (*("key", "uid_validity", "last_uid", "claim_expires_at", "read_at", "failing_since"),),
    "mail.SendRate": ("id", "per_second", "next_at"),
    "mail.Message": (
        *("id", "idempotency_key", "kind", "content_type", "object_id", "queue", "mailing", "ics_method", "topic"),
        *("attachment_kind", "attachment_content_type", "attachment_object_id"),
        *("state", "attempts", "send_after", "expires_at", "retry_until", "claim_id", "claim_expires_at"),
        *("handed_over_at", "created_at", "sent_at", "possible_duplicate"),
    ),
    "mail.QueueHeartbeat": ("queue", "recorded_at"),
    "mail.EmailPreference": ("id",),
    "mail.TemplateOverride": ("id", "template", "language", "subject", "text", "changed_at"),
    "partners.School": ("id", "code", "name", "level", "is_charter", "is_retired"),
    "partners.PromiseType": (
        *("id", "code", "order", "name", "name_es", "tagline", "tagline_es"),
        *("unit", "unit_plural", "unit_es", "unit_plural_es", "example", "example_es"),
        *("needs_clearance", "needs_insurance", "requirements", "requirements_es"),
        *("work_based_learning", "is_retired"),
    ),
    "partners.DirectoryVersion": ("id",),
    "partners.Organization": (
        "id",
        "sector",
        "size",
        "wants_listing",
        "links_replaced_at",
        "approved_at",
        "created_at",
    ),
    "partners.Logo": ("organization", "width", "height", "changed_at"),
    "partners.Contact": ("id", "organization"),
    "partners.PledgeYear": ("school_year", "opens_on", "announced_deadline", "closed_at"),
    "partners.Pledge": (
        *("id", "organization", "year", "version", "signed_at", "created_at", "changed_at", "reminded_at"),
    ),
    "partners.Promise": ("id", "pledge", "promise_type", "position", "quantity", "grades", "months"),
    "partners.Signature": ("id", "pledge", "number", "signed_at"),
    "partners.PledgeRequest": ("id",),
    "partners.DuplicateCandidate": ("id", "organization_a", "organization_b", "score", "reasons", "dismissed_at"),
    "partners.DuplicateScan": ("id", "scanned_at", "fingerprint"),
    "partners.SlugRedirect": ("id", "organization"),
    "partners.Import": (
        *("id", "year", "language", "created_at", "last_step_at", "completed_at", "state", "attempts"),
        *("row_count", "error_count", "steps", "steps_done", "counts"),
    ),
    "partners.ImportedOrganization": (
        *("id", "run", "line", "needs_review", "organization", "duplicate_of_line", "is_new", "is_written"),
    ),
    "partners.ImportRow": ("id", "run", "line", "imported_organization"),
    "partners.LearnedWord": (*("id", "kind", "word", "plain_word", "field", "promise_type", "school", "created_at"),),
    "partners.CreatedRecord": ("id", "run", "content_type", "object_id", "fingerprint"),
    "summit.Event": (
        *("id", "kind", "title", "title_es", "slug", "school_year", "starts_at", "ends_at", "venue", "address"),
        *("meal", "description", "description_es", "capacity", "reserved_seats", "max_party_size"),
        *("rsvp_opens_at", "rsvp_closes_at", "waitlist_closes_hours_before", "is_published", "invitation_only"),
        *("canceled_at", "created_at", "notices_pending_since"),
    ),
    "summit.EventVersion": ("id", "event", "version", "starts_at", "ends_at", "venue", "address"),
    "summit.Rsvp": (
        *("id", "event", "sector", "language", "source", "accepts_partial"),
        *("held_seats", "waitlisted_seats", "waitlisted_since", "overbooked_seats", "canceled_at", "skipped_at"),
        *("canceled_late", "ics_uid", "ics_sequence", "notified_version", "created_at", "anonymized_at"),
    ),
    "summit.Guest": ("id", "rsvp", "position"),
    "summit.LinkRequest": ("id", "created_at"),
    "summit.StaffEmail": (
        *("id", "event", "statuses", "subject", "text", "subject_es", "text_es", "attachment_name", "mailing"),
        *("created_at", "changed_at"),
    ),
    "summit.StaffEmailRecipient": ("id", "staff_email", "rsvp", "invitation", "written_at"),
    "summit.DateAlert": ("id",),
    "summit.Audience": (
        *("id", "name", "pledge_year", "include_drafts", "sectors", "contact_scope"),
        *("attended_event", "attendance", "created_at"),
    ),
    "summit.ContactListUpload": ("audience", "uploaded_at", "language", "state", "attempts", "last_step_at"),
    "summit.UploadedPerson": ("id", "upload", "line", "status"),
    "summit.Invitation": ("id", "event", "mailing", "created_at"),
    "summit.Reminder": ("id", "event", "kind", "event_date", "completed_at", "too_late", "recipient_count"),
    "privacy.Hold": ("id", "ends_on", "created_at"),
    "privacy.Erasure": ("id", "finished_at", "counts"),
    "admin.LogEntry": ("id", "content_type", "action_flag"),
    "auth.Permission": ("id", "name", "content_type", "codename"),
    "auth.Group": ("id", "name"),
    "auth.User": ("id",),
    "contenttypes.ContentType": ("id", "app_label", "model"),
    "accounts.StaffSession": ("expire_date",),
    "accounts.Passkey": ("id",),
    "accounts.SsoIdentity": ("id",),
    "otp_totp.TOTPDevice": ("id", "confirmed", "step", "t0", "digits", "tolerance", "drift"),
    "otp_static.StaticDevice": ("id", "name", "confirmed"),
    "otp_static.StaticToken": ("id", "device"),
}


def carry_out(period: str) -> bool:
    """Carry out the rules of one period in batches, each in its own transaction, for at most RUN_SECONDS. Return
    whether everything is done. If a rule fails, the others are still carried out."""
    stop_at = time.monotonic() + RUN_SECONDS
    for rule in RULES:
        if rule.carry_out is None or rule.period != period:
            continue
        try:
            while rule.carry_out(Hold.objects.emails()):
                if time.monotonic() > stop_at:
                    return False
        except Exception:
            logger.exception("Rule %d of the retention table wasn't carried out.", RULES.index(rule))
    return True
