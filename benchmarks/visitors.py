"""Sign-ups: each is a visitor of its own, who opens the page, sends the form and is led to a page of their own."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.load import Burst, get, post, send

numbers = itertools.count(1)
PARTIES = (1, 2, 3, 4)


@dataclass(frozen=True)
class Site:
    """One web server with a form: what it is filled with for the visitor of a number, and whether the answer is one
    that should come."""

    port: int
    form: Callable[[int, int], dict[str, str | int]]
    own_page: str

    def open_forms(self, path: str, count: int) -> list[bytes]:
        """Visitors open the page; returns the POST that each will send."""
        visitors = list(itertools.islice(numbers, count))
        pages = send(self.port, [get(path, address(visitor)) for visitor in visitors], at_once=8)
        return [self.filled(path, *pair) for pair in zip(visitors, pages.replies, strict=True)]

    def filled(self, path: str, visitor: int, reply) -> bytes:
        if reply.status != 200:
            raise RuntimeError(f"{path} answered {reply.status}")
        token = re.search(r'name="csrfmiddlewaretoken"\s+value="(\w+)"', reply.page)[1]
        cookie = reply.header("set-cookie").partition(";")[0]
        form = {"csrfmiddlewaretoken": token, **self.form(visitor, PARTIES[visitor % len(PARTIES)])}
        return post(path, address(visitor), cookie, urlencode(form))

    def sign_up(self, path: str, count: int, *, at_once: int, per_second: float = 0, follow: bool = True) -> Burst:
        """So many sign-ups in three steps, each step for all visitors; returns the burst of their POSTs alone."""
        posts = send(self.port, self.open_forms(path, count), at_once=at_once, per_second=per_second)
        pages = [reply.header("location") for reply in posts.replies if reply.status == 302]
        strange = {(reply.status, reply.header("location")) for reply in posts.replies if not self.expected(reply)}
        if strange:
            raise RuntimeError(f"{path} answered {sorted(strange)[:3]}")
        if follow:
            own = send(self.port, [get(page, "10.0.0.1") for page in pages], at_once=8)
            if {reply.status for reply in own.replies} - {200}:
                raise RuntimeError(f"pages below {self.own_page} do not open")
        return posts

    def expected(self, reply) -> bool:
        return reply.status == 302 and reply.header("location").startswith(self.own_page)


def address(visitor: int) -> str:
    return f"10.{visitor >> 16 & 255}.{visitor >> 8 & 255}.{visitor & 255}"


def rsvp_form(visitor: int, size: int) -> dict[str, str | int]:
    """Return what a browser sends from the event's page: every field, also the empty ones."""
    return {
        "name": "Alma Reyes",
        "email": f"visitor-{visitor}@example.org",
        "organization_name": "Delta Growers",
        "sector": "business",
        "size": size,
        "accepts_partial": "wait",
        **{f"guest_{number}": "Rosa Reyes" if number <= size else "" for number in range(2, 7)},
        "dietary_needs": "vegetarian",
        "accessibility_needs": "",
        "phone": "",
        "note": "",
    }
