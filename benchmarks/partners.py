"""Partners by the thousand, straight into the product's tables: two school years, pledges signed, three promises each.

Of six organizations one is not shown, since it did not ask for it.
"""

from benchmarks.stack import Stack

YEAR = 2026  # the newest; the one before has pledges too


def invent(stack: Stack, shown: int) -> None:
    """So many organizations that everybody may see, and a fifth of that beside them. Once in a run."""
    stack.product  # noqa: B018  its tables are needed
    if stack.sql("SELECT 1 FROM partners_organization LIMIT 1"):
        return
    stack.sql(YEARS, [YEAR - 1, YEAR])
    stack.sql(SCHOOLS)
    stack.sql(ORGANIZATIONS, shown * 6 // 5)
    for statement in (PLEDGES, PROMISES, PLACES):
        stack.sql(statement)
    stack.sql("ANALYZE")


YEARS = """
    INSERT INTO partners_pledgeyear (school_year, opens_on)
    SELECT year, make_date(year - 1, 4, 4) FROM unnest(%s) year
"""
SCHOOLS = """
    INSERT INTO partners_school (code, name, level, is_charter, is_retired)
    SELECT 39686760000000 + n, 'School ' || n, 'elementary', false, false FROM generate_series(1, 62) n
"""
ORGANIZATIONS = """
    INSERT INTO partners_organization (name, sector, description, website, phone, address, size, wants_listing,
        approved_at, approved_by, slug, created_at)
    SELECT md5(n::text) || ' Growers ' || n,
        (ARRAY['business', 'college', 'labor', 'nonprofit', 'faith', 'families', 'public'])[1 + mod(n, 7)],
        'We grow asparagus and cherries in the delta and ship them to nine states.', 'https://growers.example.org',
        '209 555 0100', '1 Levee Road, Stockton', 'some', mod(n, 6) > 0, now(), 'staff', 'growers-' || n, now()
    FROM generate_series(1, %s) n
"""
PLEDGES = """
    INSERT INTO partners_pledge (organization_id, year_id, language, token, version, signed_by, signed_role, signed_at,
        created_at, changed_at)
    SELECT organization.id, year.school_year, 'en', md5(organization.id || '-' || year.school_year), 1, 'Inés Núñez',
        'Owner', now(), now(), now()
    FROM partners_organization organization, partners_pledgeyear year
"""
PROMISES = """
    INSERT INTO partners_promise (pledge_id, promise_type_id, quantity, grades, months, note)
    SELECT pledge.id, kind.id, 1 + mod(pledge.id, 40),
        CASE WHEN mod(pledge.id, 3) = 0 THEN '{}' ELSE ('{TK-K,1-3,4-6,7-8,9-12}'::text[])[1 + mod(pledge.id, 5):] END,
        '{10,11,3}', 'Ask at the gate'
    FROM partners_pledge pledge, partners_promisetype kind WHERE mod(pledge.id + kind.id, 8) < 3
"""
PLACES = """
    INSERT INTO partners_promise_schools (promise_id, school_id)
    SELECT promise.id, school.id FROM partners_promise promise, partners_school school
    WHERE mod(promise.id, 3) = 0 AND mod(school.id, 31) = mod(promise.id, 31)
"""
SECTORS = "SELECT DISTINCT sector FROM partners_organization ORDER BY sector"
KINDS = "SELECT code FROM partners_promisetype ORDER BY id"
SHOWN = "SELECT slug FROM partners_organization WHERE wants_listing ORDER BY id LIMIT %s"
