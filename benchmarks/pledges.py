"""The office's rows: the pledge list as a file, coverage, the certificate. Each is measured in a process of its own
that is warm.

Their pledges are for school years of long ago, beside those of the list.
"""

from typing import TYPE_CHECKING

from benchmarks import partners
from benchmarks.stack import Stack
from benchmarks.table import Figure, compared

if TYPE_CHECKING:
    from benchmarks.scenarios import Size

WARM_UP, MANY = 2018, [2019, 2020, 2021]  # to warm up with; the pledge list
COVERED = 2023  # with 2022, the year before
KINDS = 8  # promised by each pledge


def pledge_list(stack: Stack, size: "Size") -> list[Figure]:
    """The pledge list of 100,000 promises, half of them for two schools each."""
    promises = size.of(100_000)
    invent(stack, size, MANY, promises // KINDS)
    times = {"baseline": [], "csv": [], "xlsx": []}
    growth = []
    for _pair in range(min(size.pairs, 3)):
        for kind, found in times.items():
            seconds, grown, _bytes = map(float, stack.run("product", "benchmarks.pledge_files", kind).split())
            found.append(seconds)
            if kind == "csv":
                growth.append(grown)
    return [
        compared("pledges_csv", times["baseline"], times["csv"], "{:.2f} s"),
        Figure("pledges_memory", [max(growth)], product=f"{max(growth):.1f} MB"),
        compared("pledges_xlsx", times["csv"], times["xlsx"], "{:.2f} s"),
    ]


def coverage(stack: Stack, size: "Size") -> list[Figure]:
    """The page of coverage, from request to answer, ten times, with 5,000 pledges in the year and in the one before."""
    invent(stack, size, [COVERED - 1, COVERED], 2 * size.of(5000))
    milliseconds, queries, kilobytes = map(float, stack.run("product", "benchmarks.coverage").split())
    notes = [f"`coverage`: the page is {kilobytes:.0f} kB, made anew each time."]
    return [
        Figure("coverage", [milliseconds], product=f"{milliseconds:.0f} ms", notes=notes),
        Figure("coverage_queries", [queries], product=f"{queries:.0f}"),
    ]


def certificate(stack: Stack, _size: "Size") -> list[Figure]:
    """Certificates of eight promises, one after the other in one process; none of them was drawn before."""
    stack.product  # noqa: B018  its tables are needed, not its web server
    milliseconds, first, kilobytes = map(float, stack.run("product", "benchmarks.certificate").split())
    notes = [f"`certificate`: {kilobytes:.0f} kB; a process takes {first:.0f} ms for its first one."]
    return [Figure("certificate", [milliseconds], product=f"{milliseconds:.0f} ms", notes=notes)]


def invent(stack: Stack, size: "Size", years: list[int], pledges: int) -> None:
    """So many pledges for some school years, each of every kind; and few to warm up with."""
    partners.invent(stack, size.of(5000))
    stack.sql(CONTACTS)
    for some, number in (([WARM_UP], 50), (years, pledges)):
        if stack.sql("SELECT 1 FROM partners_pledge WHERE year_id = ANY(%s) LIMIT 1", some):
            continue
        stack.sql(YEARS, some)
        stack.sql(PLEDGES, some, number)
        stack.sql(PROMISES, some)
        stack.sql(PLACES, some)
    stack.sql("ANALYZE")


CONTACTS = """
    INSERT INTO partners_contact (organization_id, name, role, email, phone, language, is_primary, created_at)
    SELECT id, 'Inés Núñez', 'Owner', 'ines-' || id || '@example.org', '+1 209 555 0100', 'es', true, now()
    FROM partners_organization WHERE NOT EXISTS (SELECT 1 FROM partners_contact)
"""
YEARS = """
    INSERT INTO partners_pledgeyear (school_year, opens_on, closed_at)
    SELECT year, make_date(year - 1, 4, 4), now() FROM unnest(%s) year
"""
PLEDGES = """
    INSERT INTO partners_pledge (organization_id, year_id, contact_id, language, token, version, signed_by, signed_role,
        signed_at, created_at, changed_at)
    SELECT organization.id, year, contact.id, 'en', md5(organization.id || '-' || year), 1, 'Inés Núñez', 'Owner',
        now(), now(), now()
    FROM partners_organization organization JOIN partners_contact contact ON contact.organization_id = organization.id,
        unnest(%s) year
    ORDER BY organization.id, year LIMIT %s
"""
PROMISES = """
    INSERT INTO partners_promise (pledge_id, promise_type_id, quantity, grades, months, note)
    SELECT pledge.id, kind.id, 1 + mod(pledge.id, 40), '{4-6,7-8}', '{10,11,3}', 'Ask at the gate, “in the morning”'
    FROM partners_pledge pledge, partners_promisetype kind WHERE pledge.year_id = ANY(%s)
"""
PLACES = """
    INSERT INTO partners_promise_schools (promise_id, school_id)
    SELECT promise.id, school.id
    FROM partners_promise promise JOIN partners_pledge pledge ON pledge.id = promise.pledge_id, partners_school school
    WHERE pledge.year_id = ANY(%s) AND mod(promise.id, 2) = 0 AND mod(school.id, 31) = mod(promise.id / 2, 31)
"""
