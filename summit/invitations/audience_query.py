"""The query that finds who is in an audience, and who of them is skipped for one event and why (docs/rules.md).

People are told apart by address, ignoring case: someone who is in two organizations is invited once. An audience has
contacts, and guests of an event who aren't contacts yet; guests become contacts when they are invited.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db import connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.text_normalization import unaccented_sql
from imagine.mail.preferences import DEFAULT_TOPICS
from summit.models import Audience, Event
from summit.models.rsvps import MAX_SEARCH_WORDS


class Reason(TextChoices):
    """Why someone in an audience isn't invited to an event. The first that applies is shown."""

    COMING = "coming", _("Already RSVP’d")
    DECLINED = "declined", pgettext_lazy("invitation", "Declined")
    INVITED = "invited", _("Already invited")
    OPTED_OUT = "opted_out", _("Unsubscribed")
    BOUNCED = "bounced", _("Bouncing address")
    DUPLICATE = "duplicate", _("Same address as someone else here")


class AudienceMember(NamedTuple):
    """Someone in an audience: a contact, or a guest who isn't one yet. `reason` is "" for people who will be
    invited."""

    contact_id: int | None
    rsvp_id: int | None  # of a guest who isn't a contact
    name: str
    email: str
    organization: str
    language: str
    reason: str

    @property
    def why(self) -> str:
        """The reason in words, or ""."""
        return str(Reason(self.reason).label) if self.reason else ""


class AudienceCounts(NamedTuple):
    """How many people will be invited, and how many are skipped for each reason. `mark` changes when other people will
    be invited; it is "" if no one is invited."""

    invited: int
    skipped: dict[Reason, int]
    mark: str

    @property
    def people(self) -> int:
        return self.invited + sum(self.skipped.values())


# Partners must match everything that is set, and one promise must have both a promise type and a school that are set.
# The primary contact, else the first one, is selected; or all contacts are.
PARTNER_CONTACTS = """
    SELECT {which} c.id
    FROM partners_organization o
    JOIN partners_contact c ON c.organization_id = o.id
    WHERE (o.sector = ANY(%(sectors)s) OR NOT %(of_sectors)s)
        AND (NOT (%(of_pledges)s OR %(of_promise_types)s OR %(of_schools)s) OR EXISTS (
            SELECT FROM partners_pledge p
            WHERE p.organization_id = o.id
                AND (p.signed_at IS NOT NULL OR %(include_drafts)s)
                AND (p.year_id = %(year)s OR NOT %(of_pledges)s)
                AND (NOT (%(of_promise_types)s OR %(of_schools)s) OR EXISTS (
                    SELECT FROM partners_promise m
                    WHERE m.pledge_id = p.id
                        AND (m.promise_type_id = ANY(%(promise_types)s) OR NOT %(of_promise_types)s)
                        AND (NOT %(of_schools)s OR EXISTS (
                            SELECT FROM partners_promise_schools s
                            WHERE s.promise_id = m.id AND s.school_id = ANY(%(schools)s)
                        ))
                ))
        ))
    {order}
"""
NO_CONTACTS = "SELECT NULL::bigint AS id WHERE false"
CONTACT_SCOPE = {
    Audience.ContactScope.PRIMARY: {"which": "DISTINCT ON (o.id)", "order": "ORDER BY o.id, c.is_primary DESC, c.id"},
    Audience.ContactScope.ALL: {"which": "", "order": ""},
}

GUESTS = """
    SELECT r.id, r.name, r.email, r.organization_name AS organization, r.language, r.organization_id
    FROM summit_rsvp r
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM summit_guest g WHERE g.rsvp_id = r.id AND g.checked_in_at IS NOT NULL) AS came
    ) a
    WHERE r.event_id = %(attended_event)s AND r.canceled_at IS NULL AND r.anonymized_at IS NULL AND r.email <> '' AND (
        %(everybody)s
        OR 'came' = ANY(%(who)s) AND a.came
        OR 'no_show' = ANY(%(who)s) AND r.held_seats > 0 AND NOT a.came
        OR 'waitlisted' = ANY(%(who)s) AND r.held_seats = 0
    )
"""

# Raw, because the ORM has no lateral joins, no named subqueries and no rows of two models in one result.
# Addresses are compared in PostgreSQL's lower case. Invitations are compared by their contact's address, too.
PEOPLE = """
    WITH asked AS (
        SELECT id FROM ({of_partners}) of_partners
        UNION SELECT contact_id FROM summit_audience_uploaded_contacts WHERE audience_id = %(audience)s
    ), guests AS ({guests}), people AS (
        SELECT c.id AS contact_id, NULL::bigint AS rsvp_id, c.name, c.email, coalesce(o.name, '') AS organization,
            c.language, c.is_primary, lower(c.email) AS address
        FROM asked JOIN partners_contact c USING (id) LEFT JOIN partners_organization o ON o.id = c.organization_id
        UNION ALL
        SELECT known.id, CASE WHEN known.id IS NULL THEN g.id END, coalesce(known.name, g.name),
            coalesce(known.email, g.email), coalesce(o.name, CASE WHEN known.id IS NULL THEN g.organization END, ''),
            coalesce(known.language, g.language), coalesce(known.is_primary, false), lower(g.email)
        FROM guests g
        LEFT JOIN LATERAL (
            SELECT c.* FROM partners_contact c WHERE lower(c.email) = lower(g.email)
            ORDER BY (c.organization_id = g.organization_id) IS TRUE DESC, c.is_primary DESC, c.id LIMIT 1
        ) known ON true
        LEFT JOIN partners_organization o ON o.id = known.organization_id
        WHERE NOT EXISTS (
            SELECT FROM asked JOIN partners_contact c USING (id) WHERE lower(c.email) = lower(g.email)
        )
    ), coming AS (
        SELECT lower(email) AS address FROM summit_rsvp WHERE event_id = %(event)s AND canceled_at IS NULL
    ), invited AS (
        SELECT lower(c.email) AS address, bool_or(i.declined_at IS NOT NULL) AS declined,
            bool_or(r.id IS NOT NULL) AS accepted
        FROM summit_invitation i
        JOIN partners_contact c ON c.id = i.contact_id
        LEFT JOIN summit_rsvp r ON r.id = i.rsvp_id AND r.canceled_at IS NULL
        WHERE i.event_id = %(event)s
        GROUP BY 1
    ), labeled AS (
        SELECT p.*, CASE
            WHEN coming.address IS NOT NULL OR invited.accepted THEN 'coming'
            WHEN invited.declined THEN 'declined'
            WHEN invited.address IS NOT NULL THEN 'invited'
            WHEN NOT coalesce(a.wants_invitations, %(wanted)s) THEN 'opted_out'
            WHEN a.suppressed_at IS NOT NULL THEN 'bounced'
            WHEN row_number() OVER (PARTITION BY p.address ORDER BY p.is_primary DESC, p.contact_id) > 1
                THEN 'duplicate'
            ELSE ''
        END AS reason
        FROM people p
        LEFT JOIN coming USING (address)
        LEFT JOIN invited USING (address)
        LEFT JOIN mail_emailpreference a ON a.email = p.address
    )
"""
ROWS = "SELECT contact_id, rsvp_id, name, email, organization, language, reason FROM labeled WHERE {found}"
ORDER = " ORDER BY lower(name), address, contact_id OFFSET %(offset)s LIMIT %(limit)s"
SIZE = "SELECT count(*) FROM labeled WHERE {found}"
# The mark must be what fingerprint_people() returns for the same people.
COUNTS = """
    SELECT reason, count(*), md5(string_agg(email, E'\\n' ORDER BY email COLLATE "C") FILTER (WHERE reason = ''))
    FROM labeled GROUP BY reason
"""
SEARCHED_TEXT = unaccented_sql("concat_ws(' ', name, email, organization)")
SEARCHED_WORD = unaccented_sql("%({name})s")


class AudiencePeople:
    """The people of an audience for one event, by name. Counting, slicing and iterating take one statement each, after
    two that read the audience."""

    def __init__(self, audience: Audience, event: Event, words: str, reason: str | None):
        self.facts = query_parameters(audience, event)
        conditions = []
        if reason is not None:
            conditions.append("reason = %(reason)s")
            self.facts["reason"] = str(reason)
        for number, word in enumerate(words.replace("\0", " ").split()[:MAX_SEARCH_WORDS]):
            conditions.append(f"strpos({SEARCHED_TEXT}, {SEARCHED_WORD.format(name=f'word_{number}')}) > 0")
            self.facts[f"word_{number}"] = word
        self.found = " AND ".join(conditions) or "true"

    def count(self) -> int:
        [[number]] = self.ask(SIZE)
        return number

    __len__ = count

    def __iter__(self) -> Iterator[AudienceMember]:
        return iter(self[:])

    def __getitem__(self, part: slice) -> list[AudienceMember]:
        first = part.start or 0
        limit = None if part.stop is None else max(0, part.stop - first)
        return [AudienceMember(*row) for row in self.ask(ROWS + ORDER, offset=first, limit=limit)]

    def ask(self, sql: str, **also) -> list[tuple]:
        return run_query(sql.format(found=self.found), self.facts | also)


def audience_people(audience: Audience, event: Event, *, words: str = "", reason: str | None = None) -> AudiencePeople:
    """Return everyone in a saved audience, with the reason for each who isn't invited to the event. `words` are
    searched in name, address and organization. `reason` selects people skipped for it; "" selects those who will be
    invited."""
    return AudiencePeople(audience, event, words, reason)


def count_people(audience: Audience, event: Event) -> AudienceCounts:
    """Return how many people will be invited, with their mark, and how many are skipped for each reason."""
    rows = {reason: (count, mark) for reason, count, mark in run_query(COUNTS, query_parameters(audience, event))}
    invited, mark = rows.get("", (0, ""))
    return AudienceCounts(invited, {reason: rows[reason][0] for reason in Reason if reason in rows}, mark)


def fingerprint_people(people: Iterable[AudienceMember]) -> str:
    """Return a mark that changes when the people do. `count_people` returns the same mark for those who will be
    invited."""
    emails = "\n".join(sorted(person.email for person in people))
    return hashlib.md5(emails.encode(), usedforsecurity=False).hexdigest()


def query_parameters(audience: Audience, event: Event) -> dict:
    promise_types = list(audience.promise_types.order_by().values_list("pk", flat=True))
    schools = list(audience.schools.order_by().values_list("pk", flat=True))
    return {
        "audience": audience.pk,
        "event": event.pk,
        "contact_scope": Audience.ContactScope(audience.contact_scope),
        "year": audience.pledge_year_id,
        "of_pledges": audience.pledge_year_id is not None,
        "include_drafts": audience.include_drafts,
        "promise_types": promise_types,
        "of_promise_types": bool(promise_types),
        "schools": schools,
        "of_schools": bool(schools),
        "sectors": audience.sectors,
        "of_sectors": bool(audience.sectors),
        "attended_event": audience.attended_event_id,
        "who": audience.attendance,
        "everybody": not audience.attendance,
        "wanted": DEFAULT_TOPICS["invitations"],
    }


def run_query(sql: str, parameters: dict) -> list[tuple]:
    asks_partners = any(parameters[name] for name in ("of_pledges", "of_promise_types", "of_schools", "of_sectors"))
    of_partners = (
        PARTNER_CONTACTS.format(**CONTACT_SCOPE[parameters["contact_scope"]]) if asks_partners else NO_CONTACTS
    )
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE.format(of_partners=of_partners, guests=GUESTS) + sql, parameters)
        return cursor.fetchall()
