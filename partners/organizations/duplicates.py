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

MIN_SIMILARITY = 0.5  # of two names: the share of trigrams that they have in common
MIN_PAIR_SIMILARITY = 0.6  # among all organizations; below it, each name has dozens of others
BATCH_SIZE = 500  # names per statement
MAX_MATCHES = 5  # for one query
MAX_PAIRS_PER_ORGANIZATION = 10
COMPARE_SECONDS = 5  # at most, for comparing the names of one file
MAX_SHARING = 5  # organizations; a domain of more than these is no evidence
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
SHARED_DOMAINS = frozenset([*FREEMAIL.split(), *SHARED_HOSTS.split()])  # anyone can have a page or a mailbox there


class MatchQuery(NamedTuple):
    """An organization to find matches for; `key` identifies it in the result."""

    key: int
    normalized_name: str
    emails: Collection[str] = ()
    website: str = ""


class Match(NamedTuple):
    """An organization that may be the one in question, by primary key, with a score of up to 100."""

    organization: int
    score: int
    reasons: list[str]


def website_host(website: str) -> str:
    """The host without "www.", or "" if it is shared by many."""
    try:
        name = (urlsplit(website).hostname or "").removeprefix("www.")
    except ValueError:
        name = ""
    return "" if name in SHARED_DOMAINS else name


def email_domain(email: str) -> str:
    """The domain of an address, or "" if anyone can have an address there."""
    name = email.lower().rpartition("@")[2]
    return "" if name in SHARED_DOMAINS else name


# Look ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def find_matches(
    typed: Sequence[MatchQuery],
    *,
    most: int = MAX_MATCHES,
    alike: float = MIN_SIMILARITY,
    but_itself: bool = False,
    alike_beside_same: bool = True,
) -> dict[int, list[Match]]:
    """Return the matches of each query by its key, best first. The number of database queries doesn't depend on theirs.

    Set `but_itself` if the keys are primary keys of organizations, so that none matches itself. Unless
    `alike_beside_same`, similar names aren't searched where there is an equal one.
    """
    evidence = chain(
        matches_by_name(typed, alike, alike_beside_same), matches_by_email(typed), matches_by_domain(typed)
    )
    return scored_matches((each for each in evidence if not (but_itself and each[0] == each[1])), most)


@transaction.atomic
def find_matches_among(typed: Sequence[MatchQuery]) -> dict[int, list[Match]]:
    """Return the matches of each query among those with smaller keys, best first; `organization` holds the key.

    Names are compared for COMPARE_SECONDS at most. What that misses is found by the scan once it is written.
    """
    sites = keys_by((website_host(one.website), one.key) for one in typed)
    mails = keys_by((email_domain(email), one.key) for one in typed for email in one.emails)
    same = keys_by((email.lower(), one.key) for one in typed for email in one.emails)
    pairs: dict[tuple[int, int], set[MatchReason]] = defaultdict(set)
    for shared, reason in ((same, MatchReason.EMAIL), (sites, MatchReason.WEBSITE), (mails, MatchReason.EMAIL_DOMAIN)):
        for there in shared.values():
            if len(there) <= MAX_SHARING:
                for pair in combinations(sorted(there, reverse=True), 2):
                    pairs[pair].add(reason)
    for reasons in pairs.values():
        reasons -= {MatchReason.EMAIL_DOMAIN} if MatchReason.EMAIL in reasons else set()
    evidence = ((*pair, reason, WEIGHTS[reason]) for pair, reasons in pairs.items() for reason in reasons)
    return scored_matches(chain(names_among(typed), evidence), MAX_MATCHES)


def scored_matches(evidence: "Evidence", most: int) -> dict[int, list[Match]]:
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
    return {key: sorted(some, key=lambda one: (-one.score, one.organization))[:most] for key, some in matches.items()}


Evidence = Iterator[tuple[int, int, str, float]]  # key, organization, reason, weight up to 1


def matches_by_name(typed: Sequence[MatchQuery], alike: float, alike_beside_same: bool) -> Evidence:
    with connection.cursor() as cursor:
        cursor.execute(SAME, columns(typed))
        same = cursor.fetchall()
        yield from ((*row, MatchReason.NAME, WEIGHTS[MatchReason.NAME]) for row in same)
        named = set() if alike_beside_same else {key for key, _organization in same}
        others = [one for one in typed if one.key not in named]
        # The planner thinks comparing two names is cheap and would compare all with all, which is twenty times slower.
        cursor.execute(BY_INDEX.format("off"))
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(alike)])
        if len(others) > BATCH_SIZE:  # or names written lately would be compared one by one
            cursor.execute("SELECT gin_clean_pending_list('organization_similar_names')")
        for begin in range(0, len(others), BATCH_SIZE):
            cursor.execute(SIMILAR, columns(others[begin : begin + BATCH_SIZE]))
            for key, organization, similarity in cursor.fetchall():
                yield key, organization, MatchReason.SIMILAR_NAME, WEIGHTS[MatchReason.SIMILAR_NAME] * similarity
        cursor.execute(BY_INDEX.format("on"))


def columns(typed: Sequence[MatchQuery]) -> list[list]:
    return [[one.key for one in typed], [one.normalized_name for one in typed]]


BY_INDEX = "SET LOCAL enable_seqscan = {0}; SET LOCAL enable_indexscan = {0}; SET LOCAL enable_material = {0}"
# Raw, because the ORM can't join with the typed names, nor use the trigram operator in a join.
SIMILAR = """
    SELECT typed.key, o.id, similarity(o.normalized_name, typed.folded)
    FROM unnest(%s::bigint[], %s::text[]) AS typed (key, folded)
    JOIN partners_organization o ON o.normalized_name %% typed.folded
"""
# For a name in a script that PostgreSQL makes no trigrams of, only this finds anything.
SAME = """
    SELECT typed.key, o.id
    FROM unnest(%s::bigint[], %s::text[]) AS typed (key, folded)
    JOIN partners_organization o ON o.normalized_name = typed.folded
"""


def names_among(typed: Sequence[MatchQuery]) -> Evidence:
    """Find similar names with an index on a temporary table; comparing all with all would take minutes."""
    stop_at = time.monotonic() + COMPARE_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(NAMES, columns(typed))
        cursor.execute(BY_INDEX.format("off"))
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(MIN_PAIR_SIMILARITY)])
        for begin in range(0, len(typed), BATCH_SIZE):
            if time.monotonic() > stop_at:
                break
            cursor.execute(AMONG, columns(typed[begin : begin + BATCH_SIZE]))
            for key, before, similarity in cursor.fetchall():
                yield key, before, MatchReason.SIMILAR_NAME, WEIGHTS[MatchReason.SIMILAR_NAME] * similarity
        cursor.execute(BY_INDEX.format("on"))
        cursor.execute("DROP TABLE typed_names")


NAMES = """
    CREATE TEMPORARY TABLE typed_names (key bigint, folded text) ON COMMIT DROP;
    INSERT INTO typed_names SELECT * FROM unnest(%s::bigint[], %s::text[]);
    CREATE INDEX ON typed_names USING gin (folded gin_trgm_ops)
"""
AMONG = """
    SELECT typed.key, before.key, similarity(before.folded, typed.folded)
    FROM unnest(%s::bigint[], %s::text[]) AS typed (key, folded) CROSS JOIN LATERAL (
        SELECT key, folded FROM typed_names WHERE folded %% typed.folded AND key < typed.key
        ORDER BY similarity(folded, typed.folded) DESC, key LIMIT 5
    ) before
"""


def matches_by_email(typed: Iterable[MatchQuery]) -> Evidence:
    """Organizations with a contact who has one of the addresses."""
    keys = keys_by((email.lower(), one.key) for one in typed for email in one.emails)
    if not keys:
        return
    contacts = Contact.objects.filter(organization__isnull=False).order_by().annotate(lower_email=Lower("email"))
    contacts = contacts.filter(lower_email__in=list(keys))
    for email, organization in contacts.values_list("lower_email", "organization"):
        yield from ((key, organization, MatchReason.EMAIL, WEIGHTS[MatchReason.EMAIL]) for key in keys[email])


def matches_by_domain(typed: Iterable[MatchQuery]) -> Evidence:
    """Organizations with a website or mailbox at the same domain."""
    sites = keys_by((website_host(one.website), one.key) for one in typed)
    mails = keys_by((email_domain(email), one.key) for one in typed for email in one.emails)
    wanted = sites.keys() | mails.keys()
    if not wanted:
        return
    at_site, at_mail = organizations_at_domains(wanted)
    for place in wanted:
        there = at_site[place] | at_mail[place]
        if len(there) > MAX_SHARING:
            continue
        for organization in there:
            for key in sites[place] | mails[place]:
                is_site = key in sites[place] and organization in at_site[place]
                reason = MatchReason.WEBSITE if is_site else MatchReason.EMAIL_DOMAIN
                yield key, organization, reason, WEIGHTS[reason]


def keys_by(pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    found = defaultdict(set)
    for word, key in pairs:
        if word:
            found[word].add(key)
    return found


def organizations_at_domains(wanted: Collection[str]) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """The organizations with a website and those with a mailbox at each of these domains."""
    websites = Organization.objects.exclude(website="").values_list("website", "pk")
    at = Func(Lower("email"), Value("@"), Value(2), function="SPLIT_PART", output_field=TextField())
    contacts = Contact.objects.filter(organization__isnull=False).order_by()
    contacts = contacts.annotate(domain=at).filter(domain__in=list(wanted))
    mails = contacts.values_list("email", "organization")
    return (
        keys_by((website_host(website), pk) for website, pk in websites.order_by()),
        keys_by((email_domain(email), pk) for email, pk in mails),
    )


# Pairs -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def scan_for_duplicates(*, anew: bool = False) -> bool:
    """Compare all organizations and store the possible duplicates. Return False if nothing changed since the last scan,
    unless `anew`."""
    mark = scan_fingerprint()
    DuplicateScan.objects.get_or_create(pk=1, defaults={"fingerprint": ""})
    last = DuplicateScan.objects.select_for_update().get(pk=1)
    if last.fingerprint == mark and not anew:
        return False
    store_candidates(find_duplicate_pairs())
    last.fingerprint, last.scanned_at = mark, timezone.now()
    last.save()
    return True


def scan_fingerprint() -> str:
    """A fingerprint of all that is compared. Raw, because the rows stay in the database."""
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        return cursor.fetchone()[0]


STATE = r"""
    SELECT md5(concat(
        (SELECT string_agg(concat_ws('|', id, normalized_name, website), E'\n' ORDER BY id) FROM partners_organization),
        (SELECT string_agg(concat_ws('|', organization_id, lower(email)), E'\n' ORDER BY id) FROM partners_contact)
    ))
"""


def find_duplicate_pairs() -> dict[tuple[int, int], Match]:
    """The possible duplicates among all organizations, the older one first."""
    emails = defaultdict(list)
    contacts = Contact.objects.filter(organization__isnull=False).order_by()
    for organization, email in contacts.values_list("organization", "email"):
        emails[organization].append(email)
    rows = Organization.objects.order_by("pk").values_list("pk", "normalized_name", "website")
    typed = [MatchQuery(pk, name, emails[pk], website) for pk, name, website in rows]
    found = find_matches(typed, most=MAX_PAIRS_PER_ORGANIZATION, alike=MIN_PAIR_SIMILARITY, but_itself=True)
    return {
        (min(key, one.organization), max(key, one.organization)): one for key, some in found.items() for one in some
    }


def store_candidates(found: dict[tuple[int, int], Match]) -> None:
    """Store the pairs; dismissed ones stay dismissed. The organizations of new pairs are locked first, as merging locks
    them; a pair whose organization was merged or deleted meanwhile isn't stored."""
    pairs = DuplicateCandidate.objects.values_list("organization_a_id", "organization_b_id")
    there = profiles.lock_organizations({pk for pair in found.keys() - set(pairs) for pk in pair})
    known = {
        (pair.organization_a_id, pair.organization_b_id): pair
        for pair in DuplicateCandidate.objects.select_for_update().order_by("pk")
    }
    gone = [pair.pk for key, pair in known.items() if key not in found and not pair.dismissed_at]
    DuplicateCandidate.objects.filter(pk__in=gone).delete()
    changed = []
    for key, pair in known.items():
        if key in found and (pair.score, pair.reasons) != found[key][1:]:
            pair.score, pair.reasons = found[key][1:]
            changed.append(pair)
    DuplicateCandidate.objects.bulk_update(changed, ["score", "reasons"], batch_size=BATCH_SIZE)
    DuplicateCandidate.objects.bulk_create(
        DuplicateCandidate(organization_a_id=one, organization_b_id=other, score=likely.score, reasons=likely.reasons)
        for (one, other), likely in found.items()
        if (one, other) not in known and one in there and other in there
    )


@transaction.atomic
def dismiss_candidate(one: Organization, other: Organization, *, by: str) -> DuplicateCandidate:
    """Record for good that these are two organizations. `by` is a username."""
    first, second = sorted((one.pk, other.pk))
    profiles.lock_organizations([first, second])
    pair, _made = DuplicateCandidate.objects.get_or_create(
        organization_a_id=first, organization_b_id=second, defaults={"score": 0, "reasons": []}
    )
    if not pair.dismissed_at:
        pair.dismissed_at, pair.dismissed_by = timezone.now(), by
        pair.save(update_fields=["dismissed_at", "dismissed_by"])
    return pair
