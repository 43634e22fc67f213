"""Find organizations that may be the same: matches for a typed name, and possible duplicates among all of them.

Names are compared as the database normalizes them, websites and email addresses by their domain. A domain that many
share, such as a freemail provider's, is no evidence.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, combinations
from math import prod
from typing import NamedTuple
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.db.models import Func, TextField, Value
from django.db.models.functions import Lower
from django.utils import timezone

from partners.models import Contact, DuplicateCandidate, DuplicateScan, MatchReason, Organization
from partners.organizations import profiles

MIN_SIMILARITY = 0.5  # of two names, by the trigrams that they have in common
MIN_PAIR_SIMILARITY = 0.6  # when comparing all organizations; with a lower value, a name matches dozens of others
BATCH_SIZE = 500  # names per statement
MAX_MATCHES = 5  # per query
MAX_PAIRS_PER_ORGANIZATION = 10
COMPARE_SECONDS = 5  # maximum time to compare the names of a file
MAX_SHARING = 5  # maximum number of organizations with a domain for it to count as evidence
WEIGHTS = {
    MatchReason.NAME: 0.95,
    MatchReason.SIMILAR_NAME: 0.85,
    MatchReason.EMAIL: 0.8,
    MatchReason.WEBSITE: 0.6,
    MatchReason.EMAIL_DOMAIN: 0.5,
}
FREEMAIL = """
    gmail.com googlemail.com yahoo.com ymail.com rocketmail.com hotmail.com outlook.com live.com msn.com aol.com
    icloud.com me.com mac.com comcast.net att.net sbcglobal.net pacbell.net verizon.net cox.net earthlink.net
    protonmail.com proton.me gmx.com mail.com zoho.com yandex.com hotmail.es yahoo.es yahoo.com.mx softcom.net
"""
SHARED_HOSTS = """
    facebook.com m.facebook.com instagram.com linkedin.com twitter.com x.com youtube.com tiktok.com yelp.com
    linktr.ee sites.google.com google.com maps.google.com forms.gle bit.ly nextdoor.com meetup.com eventbrite.com
    wixsite.com wordpress.com weebly.com square.site business.site gofundme.com
"""
SHARED_DOMAINS = frozenset([*FREEMAIL.split(), *SHARED_HOSTS.split()])  # where anyone can have a page or a mailbox


class MatchQuery(NamedTuple):
    """An organization to find matches for; `key` identifies it in the result."""

    key: int
    normalized_name: str
    emails: Collection[str] = ()
    website: str = ""


class Match(NamedTuple):
    """A possible match: the primary key of an organization, with a score of up to 100."""

    organization: int
    score: int
    reasons: list[str]


def website_host(website: str) -> str:
    """Return the host without "www.", or "" if many organizations share it."""
    try:
        name = (urlsplit(website).hostname or "").removeprefix("www.")
    except ValueError:
        name = ""
    return "" if name in SHARED_DOMAINS else name


def email_domain(email: str) -> str:
    """Return the domain of an address, or "" if anyone can have an address there."""
    name = email.lower().rpartition("@")[2]
    return "" if name in SHARED_DOMAINS else name


# Match -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def find_matches(
    queries: Sequence[MatchQuery],
    *,
    limit: int = MAX_MATCHES,
    min_similarity: float = MIN_SIMILARITY,
    exclude_self: bool = False,
    similar_beside_same: bool = True,
) -> dict[int, list[Match]]:
    """Return the matches of each query by its key, best first. The number of database queries is constant.

    Set `exclude_self` if the keys are primary keys of organizations, so that none matches itself. Unless
    `similar_beside_same`, organizations with a similar name aren't searched for if one has the same name.
    """
    evidence = chain(
        matches_by_name(queries, min_similarity, similar_beside_same),
        matches_by_email(queries),
        matches_by_domain(queries),
    )
    return scored_matches((item for item in evidence if not (exclude_self and item[0] == item[1])), limit)


@transaction.atomic
def find_matches_among(queries: Sequence[MatchQuery]) -> dict[int, list[Match]]:
    """Return the matches of each query among those with smaller keys, best first; `organization` holds the key.

    Names are compared for COMPARE_SECONDS at most. The scan finds what that misses once the organizations are stored.
    """
    by_host = keys_by((website_host(query.website), query.key) for query in queries)
    by_domain = keys_by((email_domain(email), query.key) for query in queries for email in query.emails)
    by_email = keys_by((email.lower(), query.key) for query in queries for email in query.emails)
    pairs: dict[tuple[int, int], set[MatchReason]] = defaultdict(set)
    sharing = {MatchReason.EMAIL: by_email, MatchReason.WEBSITE: by_host, MatchReason.EMAIL_DOMAIN: by_domain}
    for reason, keys_by_value in sharing.items():
        for keys in keys_by_value.values():
            if len(keys) <= MAX_SHARING:
                for pair in combinations(sorted(keys, reverse=True), 2):
                    pairs[pair].add(reason)
    for reasons in pairs.values():
        reasons -= {MatchReason.EMAIL_DOMAIN} if MatchReason.EMAIL in reasons else set()
    evidence = ((*pair, reason, WEIGHTS[reason]) for pair, reasons in pairs.items() for reason in reasons)
    return scored_matches(chain(names_among(queries), evidence), MAX_MATCHES)


def scored_matches(evidence: "Evidence", limit: int) -> dict[int, list[Match]]:
    weights: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    for key, organization, reason, weight in evidence:
        found = weights[key, organization]
        found[reason] = max(weight, found.get(reason, 0))
    matches: dict[int, list[Match]] = defaultdict(list)
    for (key, organization), reasons in weights.items():
        if MatchReason.NAME in reasons:
            reasons.pop(MatchReason.SIMILAR_NAME, None)
        in_order = [reason.value for reason in WEIGHTS if reason in reasons]
        score = round(100 * (1 - prod(1 - weight for weight in reasons.values())))
        matches[key].append(Match(organization, score, in_order))
    return {
        key: sorted(found, key=lambda match: (-match.score, match.organization))[:limit]
        for key, found in matches.items()
    }


Evidence = Iterator[tuple[int, int, str, float]]  # key, organization, reason, weight up to 1


def matches_by_name(queries: Sequence[MatchQuery], min_similarity: float, similar_beside_same: bool) -> Evidence:
    with connection.cursor() as cursor:
        cursor.execute(SAME_NAME, columns(queries))
        same = cursor.fetchall()
        yield from ((*row, MatchReason.NAME, WEIGHTS[MatchReason.NAME]) for row in same)
        named = set() if similar_beside_same else {key for key, _organization in same}
        others = [query for query in queries if query.key not in named]
        # PostgreSQL underestimates the cost of comparing names. Without the index, it takes twenty times as long.
        cursor.execute(SET_PLANNER.format("off"))
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(min_similarity)])
        if len(others) > BATCH_SIZE:  # otherwise, recently written names are compared without the index
            cursor.execute("SELECT gin_clean_pending_list('organization_similar_names')")
        for begin in range(0, len(others), BATCH_SIZE):
            cursor.execute(SIMILAR_NAME, columns(others[begin : begin + BATCH_SIZE]))
            for key, organization, similarity in cursor.fetchall():
                yield key, organization, MatchReason.SIMILAR_NAME, WEIGHTS[MatchReason.SIMILAR_NAME] * similarity
        cursor.execute(SET_PLANNER.format("on"))


def columns(queries: Sequence[MatchQuery]) -> list[list]:
    return [[query.key for query in queries], [query.normalized_name for query in queries]]


SET_PLANNER = "SET LOCAL enable_seqscan = {0}; SET LOCAL enable_indexscan = {0}; SET LOCAL enable_material = {0}"
# Raw SQL, because the ORM can't join the typed names or use the trigram operator in a join.
SIMILAR_NAME = """
    SELECT wanted.key, o.id, similarity(o.normalized_name, wanted.name)
    FROM unnest(%s::bigint[], %s::text[]) AS wanted (key, name)
    JOIN partners_organization o ON o.normalized_name %% wanted.name
"""
# PostgreSQL makes no trigrams of some scripts. Only this query finds names in them.
SAME_NAME = """
    SELECT wanted.key, o.id
    FROM unnest(%s::bigint[], %s::text[]) AS wanted (key, name)
    JOIN partners_organization o ON o.normalized_name = wanted.name
"""


def names_among(queries: Sequence[MatchQuery]) -> Evidence:
    """Find similar names with an index on a temporary table. Comparing all pairs would take minutes."""
    stop_at = time.monotonic() + COMPARE_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(NAMES, columns(queries))
        cursor.execute(SET_PLANNER.format("off"))
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(MIN_PAIR_SIMILARITY)])
        for begin in range(0, len(queries), BATCH_SIZE):
            if time.monotonic() > stop_at:
                break
            cursor.execute(SIMILAR_AMONG_WANTED, columns(queries[begin : begin + BATCH_SIZE]))
            for key, before, similarity in cursor.fetchall():
                yield key, before, MatchReason.SIMILAR_NAME, WEIGHTS[MatchReason.SIMILAR_NAME] * similarity
        cursor.execute(SET_PLANNER.format("on"))
        cursor.execute("DROP TABLE wanted_names")


# Raw SQL, because the ORM can't create temporary tables.
NAMES = """
    CREATE TEMPORARY TABLE wanted_names (key bigint, name text) ON COMMIT DROP;
    INSERT INTO wanted_names SELECT * FROM unnest(%s::bigint[], %s::text[]);
    CREATE INDEX ON wanted_names USING gin (name gin_trgm_ops)
"""
SIMILAR_AMONG_WANTED = """
    SELECT wanted.key, before.key, similarity(before.name, wanted.name)
    FROM unnest(%s::bigint[], %s::text[]) AS wanted (key, name) CROSS JOIN LATERAL (
        SELECT key, name FROM wanted_names WHERE name %% wanted.name AND key < wanted.key
        ORDER BY similarity(name, wanted.name) DESC, key LIMIT 5
    ) before
"""


def matches_by_email(queries: Iterable[MatchQuery]) -> Evidence:
    """Find organizations by the addresses of their contacts."""
    keys = keys_by((email.lower(), query.key) for query in queries for email in query.emails)
    if not keys:
        return
    contacts = Contact.objects.filter(organization__isnull=False).order_by().annotate(lower_email=Lower("email"))
    contacts = contacts.filter(lower_email__in=list(keys))
    for email, organization in contacts.values_list("lower_email", "organization"):
        yield from ((key, organization, MatchReason.EMAIL, WEIGHTS[MatchReason.EMAIL]) for key in keys[email])


def matches_by_domain(queries: Iterable[MatchQuery]) -> Evidence:
    """Find organizations with a website or an email address at the same domain."""
    by_host = keys_by((website_host(query.website), query.key) for query in queries)
    by_domain = keys_by((email_domain(email), query.key) for query in queries for email in query.emails)
    domains = by_host.keys() | by_domain.keys()
    if not domains:
        return
    with_website, with_email = organizations_at_domains(domains)
    for domain in domains:
        organizations = with_website[domain] | with_email[domain]
        if len(organizations) > MAX_SHARING:
            continue
        for organization in organizations:
            for key in by_host[domain] | by_domain[domain]:
                is_site = key in by_host[domain] and organization in with_website[domain]
                reason = MatchReason.WEBSITE if is_site else MatchReason.EMAIL_DOMAIN
                yield key, organization, reason, WEIGHTS[reason]


def keys_by(pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    """Return the keys by value; empty values are left out."""
    keys = defaultdict(set)
    for value, key in pairs:
        if value:
            keys[value].add(key)
    return keys


def organizations_at_domains(domains: Collection[str]) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Return the organizations with a website, and those with an email address, at each of these domains."""
    websites = Organization.objects.exclude(website="").values_list("website", "pk")
    domain = Func(Lower("email"), Value("@"), Value(2), function="SPLIT_PART", output_field=TextField())
    contacts = Contact.objects.filter(organization__isnull=False).order_by()
    contacts = contacts.annotate(domain=domain).filter(domain__in=list(domains))
    emails = contacts.values_list("email", "organization")
    return (
        keys_by((website_host(website), pk) for website, pk in websites.order_by()),
        keys_by((email_domain(email), pk) for email, pk in emails),
    )


# Pairs -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def scan_organizations(*, force: bool = False) -> bool:
    """Compare all organizations and store the possible duplicates. Return False if nothing changed since the last scan,
    unless `force`."""
    fingerprint = scan_fingerprint()
    DuplicateScan.objects.get_or_create(pk=1, defaults={"fingerprint": ""})
    last = DuplicateScan.objects.select_for_update().get(pk=1)
    if last.fingerprint == fingerprint and not force:
        return False
    store_candidates(find_duplicate_pairs())
    last.fingerprint, last.scanned_at = fingerprint, timezone.now()
    last.save()
    return True


def scan_fingerprint() -> str:
    """Return a fingerprint of the compared data. Raw SQL, so that the rows aren't loaded."""
    with connection.cursor() as cursor:
        cursor.execute(SCAN_FINGERPRINT)
        return cursor.fetchone()[0]


SCAN_FINGERPRINT = r"""
    SELECT md5(concat(
        (SELECT string_agg(concat_ws('|', id, normalized_name, website), E'\n' ORDER BY id) FROM partners_organization),
        (SELECT string_agg(concat_ws('|', organization_id, lower(email)), E'\n' ORDER BY id) FROM partners_contact)
    ))
"""


def find_duplicate_pairs() -> dict[tuple[int, int], Match]:
    """Return the possible duplicates among all organizations, the older one of each pair first."""
    emails = defaultdict(list)
    contacts = Contact.objects.filter(organization__isnull=False).order_by()
    for organization, email in contacts.values_list("organization", "email"):
        emails[organization].append(email)
    rows = Organization.objects.order_by("pk").values_list("pk", "normalized_name", "website")
    queries = [MatchQuery(pk, name, emails[pk], website) for pk, name, website in rows]
    found = find_matches(
        queries, limit=MAX_PAIRS_PER_ORGANIZATION, min_similarity=MIN_PAIR_SIMILARITY, exclude_self=True
    )
    return {
        (min(key, match.organization), max(key, match.organization)): match
        for key, matches in found.items()
        for match in matches
    }


def store_candidates(found: dict[tuple[int, int], Match]) -> None:
    """Store the pairs; dismissed ones stay dismissed.

    The organizations of new pairs are locked first, as in a merge. A pair isn't stored if one of its organizations was
    merged or deleted in between.
    """
    pairs = DuplicateCandidate.objects.values_list("organization_a_id", "organization_b_id")
    organizations = profiles.lock_organizations({pk for pair in found.keys() - set(pairs) for pk in pair})
    stored = {
        (pair.organization_a_id, pair.organization_b_id): pair
        for pair in DuplicateCandidate.objects.select_for_update().order_by("pk")
    }
    outdated = [pair.pk for key, pair in stored.items() if key not in found and not pair.dismissed_at]
    DuplicateCandidate.objects.filter(pk__in=outdated).delete()
    changed = []
    for key, pair in stored.items():
        if key in found and (pair.score, pair.reasons) != found[key][1:]:
            pair.score, pair.reasons = found[key][1:]
            changed.append(pair)
    DuplicateCandidate.objects.bulk_update(changed, ["score", "reasons"], batch_size=BATCH_SIZE)
    DuplicateCandidate.objects.bulk_create(
        DuplicateCandidate(organization_a_id=a, organization_b_id=b, score=match.score, reasons=match.reasons)
        for (a, b), match in found.items()
        if (a, b) not in stored and a in organizations and b in organizations
    )


@transaction.atomic
def dismiss_candidate(organization: Organization, other: Organization, *, by: str) -> DuplicateCandidate:
    """Record permanently that these organizations aren't duplicates. `by` is a username."""
    first, second = sorted((organization.pk, other.pk))
    profiles.lock_organizations([first, second])
    pair, _made = DuplicateCandidate.objects.get_or_create(
        organization_a_id=first, organization_b_id=second, defaults={"score": 0, "reasons": []}
    )
    if not pair.dismissed_at:
        pair.dismissed_at, pair.dismissed_by = timezone.now(), by
        pair.save(update_fields=["dismissed_at", "dismissed_by"])
    return pair
