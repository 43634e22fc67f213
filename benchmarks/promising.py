"""A pledge's own page: each visitor opens their emailed link, checks all eight promise types and saves the draft."""

import re
from html import unescape
from itertools import count, islice
from urllib.parse import urlencode

from benchmarks.load import Burst, get, post, send
from benchmarks.stack import Stack
from benchmarks.visitors import address

numbers = count(1)


def save(stack: Stack, many: int) -> tuple[Burst, Burst]:
    """Save this many pledges for the first time, then again with other numbers, 8 at once. Return the bursts of POSTs.

    The first save creates an organization, its contact, a pledge and eight promises, two of them for two schools each,
    next to the partners of the public list and for their newest year.
    """
    visitors = list(islice(numbers, many))
    links = [f"/imagine/promise/{token}/" for (token,) in stack.sql(STARTS, visitors)]
    bursts = [send_all(stack, links, visitors, more) for more in (0, 1)]
    [(promises, quantities)] = stack.sql(SAVED, [link.split("/")[-2] for link in links])
    if (promises, quantities) != (8 * many, sum(range(4, 12)) * many):
        raise RuntimeError(f"{promises} promises of {many} pledges, {quantities} in all")
    return tuple(bursts)


def send_all(stack: Stack, links: list[str], visitors: list[int], more: int) -> Burst:
    pages = send(stack.product.port, list(map(get, links, map(address, visitors))), at_once=8)
    posts = [filled(*each, more) for each in zip(links, visitors, pages.replies, strict=True)]
    burst = send(stack.product.port, posts, at_once=8)
    if strange := {reply.status for reply in burst.replies} - {302}:
        raise RuntimeError(f"saving a pledge answered {strange}")
    return burst


def filled(link: str, visitor: int, reply, more: int) -> bytes:
    """What a browser with scripts sends of the page while no logo is chosen."""
    page = reply.page
    hidden = {
        name: unescape(re.search(rf'name="{name}"\s+value="([^"]*)"', page)[1])
        for name in ("csrfmiddlewaretoken", "version", "shown")
    }
    kinds = re.findall(r'name="promise-(\d+)-ticked"', page)
    schools = re.findall(r'name="promise-\d+-schools"\s+value="(\d+)"', page)[:2]
    parts = [*hidden.items(), ("name", f"Delta Growers {visitor}"), *PROFILE.items()]
    for place, kind in enumerate(kinds):
        where = {"where": "somewhere", "schools": schools} if place in (1, 4) else {"where": "anywhere"}
        ticks = {
            "ticked": "on",
            "quantity": 3 + place + more,
            **where,
            "grades": ["4-6", "9-12"][: place % 3],
            "note": "",
        }
        parts += [(f"promise-{kind}-{name}", value) for name, value in {**ticks, "months": [10, 11, 3]}.items()]
    cookie = reply.header("set-cookie").partition(";")[0]
    return post(link, address(visitor), cookie, urlencode(parts, doseq=True))


PROFILE = {
    "sector": "business",
    "description": "",
    "website": "",
    "phone": "",
    "address": "",
    "size": "",
    "contact-name": "Alma Reyes",
    "contact-role": "",
    "contact-phone": "",
    "contact-language": "en",
    "sign-name": "",
    "sign-role": "",
    "logo": "",
    "save": "1",
}
STARTS = """
    INSERT INTO partners_pledgerequest (organization, name, email, language, sector, token, role, phone, source,
        answered_at, created_at)
    SELECT 'Delta Growers ' || n, 'Alma Reyes', 'grower-' || n || '@example.org', 'en', '', md5('start' || n), '', '',
        '', now(), now()
    FROM unnest(%s) n RETURNING token
"""
SAVED = """
    SELECT count(*), sum(quantity) FROM partners_promise JOIN partners_pledge p ON p.id = pledge_id
    WHERE p.token = ANY(%s)
"""
