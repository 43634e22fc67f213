"""What is kept about people: why, until when, and what happens then. One table.

`/imagine/privacy/` shows it, `carry_out` does it, and tests/privacy/test_retention.py fails for a column that is in no
rule's `columns` and not in NOT_PERSONAL. A new personal column needs a rule; the order here is that of the page.
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
from summit import retention as summit_retention
from summit.invitations import contact_import

logger = logging.getLogger(__name__)

HOURLY, NIGHTLY = "hourly", "nightly"
RUN_SECONDS = 20  # after which another task continues, so that emails don't wait for this one

Held = Collection[str]  # addresses on hold, in lower case


@dataclass(frozen=True)
class Rule:
    """A kind of data. `carry_out` deletes one batch of what is due, except of people on hold, and returns how many
    rows; without one, something else ends it."""

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
        _("Food, access and language needs of each guest"),
        _("To prepare food and seating."),
        _("30 days after the event."),
        DELETED,
        {"summit.Guest": ("dietary_needs", "accessibility_needs")},
        summit_retention.clear_needs,
    ),
    Rule(
        _("The note with an RSVP"),
        _("To prepare for your visit."),
        _("6 months after the event."),
        _("Deleted, also from the change history."),
        {"summit.Rsvp": ("note",)},
        summit_retention.clear_notes,
    ),
    Rule(
        _("What you write when you decline an invitation"),
        _("To know what would suit you better."),
        _("6 months after the event."),
        DELETED,
        {"summit.Invitation": ("decline_message",)},
        summit_retention.clear_decline_messages,
    ),
    Rule(
        _("An RSVP: the names of the guests, your email, phone and organization, and the personal link"),
        _("Badges and check-in, email about the event, and the invitation to the next one."),
        _("13 months after the event."),
        _(
            "Removed, also from the change history, and so is which partner the RSVP belongs to. The number of seats, "
            "who came as a count, and the sector stay."
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
        _("A contact: name, role, email, phone and language, and the invitations sent to them"),
        _("To email the person about their organization's pledge, and to invite them to events."),
        _("As long as the organization has a pledge or the person has an RSVP; otherwise 18 months."),
        _("Deleted, with invitations, their email and the change history."),
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
        _("A request to start a pledge, and the emails about it"),
        _("To email the link of the pledge."),
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
        _("A pledge: who answers for it, who signed each version, and notes about promises"),
        _("It is the district's record of what a partner promised, and who said so."),
        _("Until the person asks us to remove their name."),
        _("The organization keeps its promises, without the name."),
        {
            "partners.Pledge": ("contact", "signed_by", "signed_role", "token", "verified_at", "language"),
            "partners.Signature": ("signed_by", "signed_role", "content"),
            "partners.Promise": ("note",),
        },
    ),
    Rule(
        _("The organization's profile and logo"),
        _("To reach the organization and, if it asks for that, to list it publicly."),
        _("As long as the organization is known to the district, or until it asks us to remove them."),
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
        _("The text of our emails, with the personal links in them"),
        _("To send them again if they got lost."),
        _("30 days after they were sent."),
        DELETED,
        {"mail.Message": tuple(mail_retention.CONTENT)},
        mail_retention.clear_content,
    ),
    Rule(
        _("That we emailed an address, about what, and whether the email arrived"),
        _("To answer questions about it, and to keep from emailing twice."),
        _("2 years after it was sent."),
        DELETED,
        {
            "mail.Message": (
                *("recipient", "language", "subject", "attachment_name", "last_error"),
                *("bounced_at", "complained_at"),
            )
        },
        mail_retention.delete_old_messages,
    ),
    Rule(
        _("Which email an address wants, and whether email to it bounces"),
        _("To respect your choice."),
        _(
            "As long as we know the address. If you unsubscribed or email to you bounced, until you ask us to forget "
            "that, because we might otherwise email you again."
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
        _("A request for lost links"),
        _("To email the links."),
        _("Until we answer it, usually within a minute."),
        DELETED,
        {"summit.LinkRequest": ("email",)},
    ),
    Rule(
        _("A list of people to invite that staff upload"),
        _("To invite the people on it."),
        _("A day, unless staff use it sooner."),
        DELETED,
        {"summit.ContactListUpload": ("file", "file_name")},
        contact_import.discard_stale_uploads,
        HOURLY,
    ),
    Rule(
        _("A spreadsheet of partners that staff import"),
        _("To check it before it is saved."),
        _("The file until it is read, its rows until they are saved, at most 14 days."),
        DELETED,
        {
            "partners.Import": ("file", "not_undone"),
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
        _("To sort out mistakes and answer questions."),
        _("Values as long as the data itself, and the entry 2 years."),
        DELETED,
        {"core.AuditEntry": ("object_id", "changes", "reason", "actor_kind", "actor_name", "created_at")},
        expiry.delete_old_history,
    ),
    Rule(
        _("A scrambled form of the network address that a form was sent from"),
        _("To keep robots out."),
        _("A day."),
        DELETED,
        {"core.RateLimitCount": ("key",)},
        delete_rate_limit_counts,
        HOURLY,
    ),
    Rule(
        _("Staff's sign-ins in a browser"),
        _("To stay signed in."),
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
        _("Staff accounts, and usernames beside what staff did"),
        _("To sign in, and to know who did what."),
        _("The account as long as the person works with this site; a username as long as the record it is on."),
        _("Deleted by an administrator, or with the record."),
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
            "mail.TemplateOverride": ("changed_by",),
            "partners.DuplicateCandidate": ("dismissed_by",),
            "partners.Import": ("created_by",),
            "partners.Organization": ("approved_by",),
        },
    ),
    Rule(
        _("The activity log: which staff member signed in, exported a list, replaced a link and the like"),
        _("To know who did what if something goes wrong."),
        _("2 years. Until then, the program lets nobody change or delete a line."),
        DELETED,
        {"core.SecurityEvent": ("user", "user_name", "network", "object_id", "facts", "created_at")},
        lambda held: security_events.delete_old_events(),
    ),
    Rule(
        _("The log of what staff saved in the admin"),
        _("To sort out mistakes."),
        _("2 years."),
        DELETED,
        {"admin.LogEntry": ("user", "object_id", "object_repr", "change_message", "action_time")},
        expiry.delete_old_log,
    ),
    Rule(
        _("A hold: the address of a person whose data must not be deleted, and why"),
        _("The law can require us to keep records, for example while a public records request is open."),
        _("2 years after the hold ends."),
        DELETED,
        {"privacy.Hold": ("email", "reason", "created_by")},
        lambda held: expiry.delete_old_holds(),
    ),
    Rule(
        _("That someone was erased: a scrambled form of the address, when, and by whom"),
        _("To erase the person again if a backup has to be restored."),
        _("As long as this site is used. Nobody can read the address from it."),
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
    "partners.Promise": ("id", "pledge", "promise_type", "quantity", "grades", "months"),
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
    "summit.Audience": (
        *("id", "name", "pledge_year", "include_drafts", "sectors", "contact_scope"),
        *("attended_event", "attendance", "created_at"),
    ),
    "summit.ContactListUpload": ("audience", "uploaded_at"),
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
    """Carry out the rules of one period in batches, each in its own transaction, for RUN_SECONDS at most. Return
    whether all is done. A rule that fails doesn't keep the others from being carried out."""
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
