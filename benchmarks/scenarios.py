"""What is measured. Baseline and product take turns in each pair: A B A B …"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count, cycle, islice
from statistics import median

from benchmarks import inviting, mailings, partners, pledges, promising
from benchmarks.exports import WARM_UP
from benchmarks.load import Burst, get, send
from benchmarks.stack import Stack
from benchmarks.table import Figure, compared
from benchmarks.visitors import Site

slugs = (f"gathering-{number}" for number in count(1))
BASELINE_PAGE = "/events/summit/"
DIRECTORY = "/imagine/partners/"


class LeftOut(Exception):
    """A scenario that can't be measured; the text says why."""


@dataclass(frozen=True)
class Size:
    """How much of it: `pairs` of baseline and product, and what part of the full counts."""

    pairs: int = 5
    part: float = 1.0

    def of(self, full: int) -> int:
        return max(8, round(full * self.part))


GUARD_TURNS = 12  # an even number: each side goes first as often

FULL, QUICK, TINY = Size(), Size(pairs=2, part=0.3), Size(pairs=1, part=0.02)


def posts(stack: Stack, size: Size) -> list[Figure]:
    """Measure the POSTs of sign-ups, 8 at once. Emails are stored and workers woken, but no worker runs."""
    baseline, product = web_pairs(stack, size, at_once=8)
    busiest = max(burst.own_share for burst in (*baseline, *product))
    notes = [f"The load generator used at most {busiest:.0%} of one core in these POSTs."]
    return [compared("posts", rates(baseline), rates(product), "{:.0f}/s", notes)]


def tail(stack: Stack, size: Size) -> list[Figure]:
    baseline, product = web_pairs(stack, size, at_once=32)
    times = ([burst.percentile(99) * 1000 for burst in bursts] for bursts in (baseline, product))
    return [compared("tail", *times, "{:.0f} ms")]


def web_pairs(stack: Stack, size: Size, *, at_once: int) -> tuple[list[Burst], list[Burst]]:
    warm(stack)
    baseline, product = [], []
    for _pair in range(size.pairs):
        baseline.append(stack.baseline.sign_up(BASELINE_PAGE, size.of(600), at_once=at_once))
        product.append(stack.product.sign_up(stack.new_event(next(slugs)), size.of(300), at_once=at_once))
    return baseline, product


def warm(stack: Stack) -> None:
    """Every worker has its templates, its forms and its connections."""
    stack.baseline.sign_up(BASELINE_PAGE, 20, at_once=8)
    stack.product.sign_up(stack.new_event(next(slugs)), 20, at_once=8)
    stack.clear()


def rates(bursts: Iterable[Burst]) -> list[float]:
    return [burst.per_second for burst in bursts]


def many_rsvps(stack: Stack, size: Size) -> list[Figure]:
    """The time that a POST takes with many RSVPs on its event, against few. The product is its own baseline."""
    warm(stack)
    few, many = [], []
    for _pair in range(size.pairs):
        for times, rsvps in ((few, 20), (many, 2000)):
            times.append(post_time(stack, stack.product, size.of(150), rsvps=rsvps))
    return [compared("many_rsvps", few, many, "{:.1f} ms")]


def post_time(stack: Stack, site: Site, count: int, *, rsvps: int = 0) -> float:
    """Return the milliseconds that a POST takes on a new event, 8 at once."""
    page = stack.new_event(next(slugs), rsvps=rsvps)
    return 1000 * 8 / site.sign_up(page, count, at_once=8, follow=False).per_second


def guards(stack: Stack, size: Size) -> list[Figure]:
    """The time that a POST takes with what protects it, against the product without (benchmarks/unguarded.py). It is a
    few percent, so the two take many short turns: the machine is as fast for one as for the other."""
    warm(stack)
    post_time(stack, stack.unguarded, 20)
    without, guarded = [], []
    for _pair in range(size.pairs):
        sides = [(stack.unguarded, []), (stack.product, [])]
        for turn in range(GUARD_TURNS):
            for site, times in sides if turn % 2 else reversed(sides):
                times.append(post_time(stack, site, size.of(40)))
        without.append(median(sides[0][1]))
        guarded.append(median(sides[1][1]))
    return [compared("guards", without, guarded, "{:.1f} ms")]


def race(stack: Stack, size: Size) -> list[Figure]:
    """Twice as many tries as there are seats for. Whoever does not fit waits; in the baseline they are turned away."""
    warm(stack)
    tries, seats = size.of(600), size.of(600) // 2
    baseline, product = [], []
    for _pair in range(min(size.pairs, 3)):
        slug = next(slugs)
        stack.new_baseline_event(slug, capacity=seats)
        baseline.append(stack.baseline.sign_up(f"/rooms/{slug}/", tries, at_once=32, follow=False).seconds)
        [(taken,)] = stack.sql(BASELINE_TAKEN, slug, database="baseline")
        if taken != seats:
            raise RuntimeError(f"the baseline gave away {taken} of {seats} seats")
        page = stack.new_event(slug, capacity=seats)
        product.append(stack.product.sign_up(page, tries, at_once=32, follow=False).seconds)
        check_room(stack, slug, tries, seats)
    return [compared("race", baseline, product, "{:.2f} s", [f"{seats} seats, {tries} tries: exact in every pair."])]


def check_room(stack: Stack, slug: str, tries: int, seats: int) -> None:
    """Every seat is held once, everybody has an answer, each seat has its guest, and each RSVP was written to."""
    [(rsvps, held, asked)] = stack.sql(ROOM, slug)
    [(guests,)] = stack.sql(ROOM_GUESTS, slug)
    [(emails,)] = stack.sql(ROOM_EMAILS, slug)
    found = {"RSVPs": rsvps, "held": held, "guests": guests, "emails": emails}
    if found != {"RSVPs": tries, "held": seats, "guests": asked, "emails": tries}:
        raise RuntimeError(f"the room is not exact: {found}, asked for {asked}")


BASELINE_TAKEN = "SELECT sum(size) FROM baseline_reply JOIN baseline_event e ON e.id = event_id WHERE e.slug = %s"
ROOM = """
    SELECT count(*), sum(held_seats), sum(held_seats + waitlisted_seats)
    FROM summit_rsvp JOIN summit_event e ON e.id = event_id WHERE e.slug = %s
"""
ROOM_GUESTS = """
    SELECT count(*) FROM summit_guest JOIN summit_rsvp r ON r.id = rsvp_id JOIN summit_event e ON e.id = r.event_id
    WHERE e.slug = %s
"""
ROOM_EMAILS = """
    SELECT count(*) FROM summit_rsvp r JOIN summit_event e ON e.id = event_id
    JOIN django_content_type t ON (t.app_label, t.model) = ('summit', 'rsvp')
    JOIN mail_message m ON m.content_type_id = t.id AND m.object_id = r.id WHERE e.slug = %s
"""


def landing(stack: Stack, size: Size) -> list[Figure]:
    """The page of the coming summit, 8 at once, to visitors who were never here."""
    warm(stack)
    stack.product.sign_up("/imagine/events/summit/", size.of(100), at_once=8, follow=False)
    baseline, product = page_pairs(stack, size, ["/imagine/"])
    notes = [f"The landing page is {weight(product[0]):.1f} kB compressed, kept while nothing in it changes."]
    return [compared("landing", rates(baseline), rates(product), "{:.0f}/s", notes)]


def page_pairs(stack: Stack, size: Size, pages: list[str]) -> tuple[list[Burst], list[Burst]]:
    """The product's pages in turn, 8 at once, and the baseline's page, to visitors who were never here."""
    baseline, product = [], []
    for _pair in range(size.pairs):
        baseline.append(open_pages(stack.baseline, [BASELINE_PAGE], size.of(1500)))
        product.append(open_pages(stack.product, pages, size.of(500)))
    return baseline, product


def open_pages(site: Site, pages: list[str], times: int, *, at_once: int = 8) -> Burst:
    visits = [get(page, "10.0.0.1") for page in islice(cycle(pages), times)]
    burst = send(site.port, visits, at_once=at_once)
    if {reply.status for reply in burst.replies} != {200}:
        raise RuntimeError(f"one of {pages} is not there")
    return burst


def weight(burst: Burst) -> float:
    """The first page of a burst in kB, as it came over the wire."""
    return len(burst.replies[0].raw.partition(b"\r\n\r\n")[2]) / 1000


def directory(stack: Stack, size: Size) -> list[Figure]:
    """Measure cached pages of the public list: the whole year, each sector, each promise type, the pages behind."""
    partners.invent(stack, size.of(5000))
    sectors, kinds = ([code for (code,) in stack.sql(statement)] for statement in (partners.SECTORS, partners.KINDS))
    asked = ["", f"?year={partners.YEAR - 1}", "?page=2", "?page=3"]
    asked += [f"?sector={sector}" for sector in sectors] + [f"?kind={kind}" for kind in kinds]
    new = [f"{DIRECTORY}?sector={sector}&kind={kind}" for sector in sectors for kind in kinds]
    return partner_pages(stack, size, "directory", [f"{DIRECTORY}{query}" for query in asked], new)


def partner(stack: Stack, size: Size) -> list[Figure]:
    """Measure the cached pages of a hundred partners; the first visits are to fifty others."""
    partners.invent(stack, size.of(5000))
    pages = [f"{DIRECTORY}{slug}/" for (slug,) in stack.sql(partners.SHOWN, 150)]
    return partner_pages(stack, size, "partner", pages[50:], pages[:50])


def pledge(stack: Stack, size: Size) -> list[Figure]:
    """A pledge's page with eight promises, saved for the first time, against the baseline's RSVP. 8 at once."""
    partners.invent(stack, size.of(5000))
    warm(stack)
    promising.save(stack, 20)
    baseline, first, again = [], [], []
    for _pair in range(size.pairs):
        baseline.append(stack.baseline.sign_up(BASELINE_PAGE, size.of(600), at_once=8))
        for bursts, burst in zip((first, again), promising.save(stack, size.of(200)), strict=True):
            bursts.append(burst)
    notes = [f"`pledge`: one that is saved again with eight other numbers, {median(rates(again)):.0f}/s."]
    return [compared("pledge", rates(baseline), rates(first), "{:.0f}/s", notes)]


def partner_pages(stack: Stack, size: Size, key: str, pages: list[str], new: list[str]) -> list[Figure]:
    warm(stack)
    open_pages(stack.product, pages, 8 * len(pages))  # so often that each worker had each of them
    baseline, product = page_pairs(stack, size, pages)
    first = open_pages(stack.product, new, len(new), at_once=1)
    milliseconds = 1000 * first.seconds / len(new)
    notes = [
        f"`{key}`: {weight(product[0]):.1f} kB compressed; a page that was not opened since something changed takes "
        f"{milliseconds:.0f} ms, one at a time."
    ]
    return [compared(key, rates(baseline), rates(product), "{:.0f}/s", notes)]


def exports(stack: Stack, size: Size) -> list[Figure]:
    """The guest list of one event with two guests an RSVP, each time in a process of its own that is warm."""
    if not find_spec("summit.exports"):
        raise LeftOut("this version has no exports")
    stack.product  # noqa: B018  its tables are needed, not its web server
    rsvps = size.of(50_000)
    slug = f"list-of-{rsvps}"
    stack.new_event(WARM_UP, rsvps=50)
    stack.new_event(slug, rsvps=rsvps)
    times = {"baseline": [], "csv": [], "xlsx": []}
    growth = []
    for _pair in range(min(size.pairs, 3)):
        for kind, found in times.items():
            seconds, grown, _bytes = map(float, stack.run("product", "benchmarks.exports", kind, slug).split())
            found.append(seconds)
            if kind == "csv":
                growth.append(grown)
    return [
        compared("csv", times["baseline"], times["csv"], "{:.2f} s"),
        Figure("csv_memory", [max(growth)], product=f"{max(growth):.1f} MB"),
        compared("xlsx", times["csv"], times["xlsx"], "{:.2f} s"),
    ]


def spreadsheet(stack: Stack, size: Size) -> list[Figure]:
    """An import from the file to the last promise, in a process of its own. There is no baseline: it is seconds."""
    stack.product  # noqa: B018  its tables are needed, not its web server
    rows = size.of(10_000)
    seconds, grown, written = map(float, stack.run("product", "benchmarks.imports", str(rows)).split())
    if written != rows:
        raise RuntimeError(f"{written:.0f} of {rows} rows were written")
    return [
        Figure("import", [seconds], product=f"{seconds:.1f} s"),
        Figure("import_memory", [grown], product=f"{grown:.0f} MB"),
    ]


def mail(stack: Stack, size: Size) -> list[Figure]:
    """A full queue and a worker that starts: how fast the mail server takes them, once the first tenth is through."""
    warm(stack)
    many = size.of(600)
    baseline, product = [], []
    for _pair in range(min(size.pairs, 3)):
        stack.clear()
        stack.product.sign_up(stack.new_event(next(slugs)), many, at_once=8, follow=False)
        stack.save_sample_email()
        with stack.working("product"):
            product.append(per_minute(stack, many))
        stack.clear()
        stack.ring_baseline([f"baseline-{number}@example.org" for number in range(many)])
        with stack.working("baseline"):
            baseline.append(per_minute(stack, many))
    return [compared("mail", baseline, product, "{:,.0f}/min")]


def per_minute(stack: Stack, many: int) -> float:
    times = [at for at, _to in stack.await_mails(many)]
    after_start = times[many // 10 :]
    return 60 * (len(after_start) - 1) / (after_start[-1] - after_start[0])


def delay(stack: Stack, size: Size) -> list[Figure]:
    """Measure 20 RSVPs a second beside a running worker. An email's time runs from when it is written, just before the
    commit, to the mail server's 250."""
    warm(stack)
    many = size.of(300)
    with stack.working("product"):
        stack.product.sign_up(stack.new_event(next(slugs)), 8, at_once=8)
        stack.await_mails(8)
        stack.clear()
        stack.product.sign_up(stack.new_event(next(slugs)), many, at_once=32, per_second=20, follow=False)
        taken = {to: at for at, to in stack.await_mails(many)}
    written = dict(stack.sql("SELECT recipient, extract(epoch FROM created_at)::float FROM mail_message"))
    waits = sorted(at - written[to] for to, at in taken.items())
    value = waits[len(waits) * 95 // 100]
    notes = [f"Half of {many} emails were taken {waits[len(waits) // 2]:.3f} s after they were written."]
    return [Figure("delay", [value], product=f"{value:.3f} s", notes=notes)]


def person(stack: Stack, size: Size) -> list[Figure]:
    """The slower one of the page and the JSON with everything about a person."""
    stack.product  # noqa: B018  its tables are needed
    page, file = map(float, stack.run("product", "benchmarks.person", str(size.of(100_000))).split())
    return [Figure("person", [max(page, file)], product=f"{page:.2f} s, JSON {file:.2f} s")]


def memory(stack: Stack, size: Size) -> list[Figure]:
    """The largest web worker of each, after the rows before, or after a load of its own."""
    warm(stack)
    stack.baseline.sign_up(BASELINE_PAGE, size.of(300), at_once=8)
    stack.product.sign_up(stack.new_event(next(slugs)), size.of(300), at_once=8)
    baseline, product = ([largest(stack, whose)] for whose in ("baseline", "product"))
    return [compared("memory", baseline, product, "{:.0f} MB")]


def largest(stack: Stack, whose: str) -> float:
    return max(worker.memory_info().rss for worker in stack.web_workers(whose)) / 2**20


SCENARIOS: dict[str, Callable[[Stack, Size], list[Figure]]] = {
    "posts": posts,
    "tail": tail,
    "many_rsvps": many_rsvps,
    "guards": guards,
    "race": race,
    "landing": landing,
    "directory": directory,
    "partner": partner,
    "pledge": pledge,
    "exports": exports,
    "pledge_list": pledges.pledge_list,
    "coverage": pledges.coverage,
    "certificate": pledges.certificate,
    "import": spreadsheet,
    "preview": inviting.preview,
    "person": person,
    "mail": mail,
    "delay": delay,
    "invitations": mailings.invitations,
    "during_mailing": mailings.during_mailing,
    "memory": memory,
}
LINES_OF = {  # every other scenario is one line of the table, with the same name
    "exports": ["csv", "csv_memory", "xlsx"],
    "pledge_list": ["pledges_csv", "pledges_memory", "pledges_xlsx"],
    "coverage": ["coverage", "coverage_queries"],
    "import": ["import", "import_memory"],
    "invitations": ["invitations", "connections"],
}
