"""Ten thousand invitations: how fast they leave, over how many connections, what a guest of their own accord notices of
it."""

import contextlib
from itertools import count
from typing import TYPE_CHECKING

from benchmarks.stack import Stack
from benchmarks.table import Figure, compared

if TYPE_CHECKING:
    from benchmarks.scenarios import Size

PEOPLE = 10_000
A_TASK = 100  # emails in one task of the baseline
A_CONNECTION = 50  # emails that one connection to the mail server has to carry
numbers = count(1)


def invitations(stack: Stack, size: "Size") -> list[Figure]:
    """Measure from the office's confirmation, or from sending the baseline's tasks, until the mail server accepts the
    last email. So the product also creates and writes its invitations in that time."""
    stack.product  # noqa: B018  its tables are needed
    many = size.of(PEOPLE)
    baseline, product, connections = [], [], []
    for _pair in range(min(size.pairs, 3)):
        with measured(stack, "bulk"):
            started = invite(stack, many)
            stack.await_mails(many, 300)
            product.append(rate(stack, started))
            connections.append(stack.visits() * A_CONNECTION / many)
            check_each_once(stack, many)
        save_sample_email(stack)
        with measured(stack, "baseline"):
            started = stack.ring_baseline([f"baseline-{number}@example.org" for number in range(many)], A_TASK)
            stack.await_mails(many, 300)
            baseline.append(rate(stack, started))
    return [
        compared("invitations", baseline, product, "{:,.0f}/min"),
        Figure("connections", [max(connections)], product=f"{max(connections) * many / A_CONNECTION:.0f} of them"),
    ]


@contextlib.contextmanager
def measured(stack: Stack, whose: str):
    stack.clear()
    stack.sql("UPDATE mail_sendrate SET per_second = 10000")
    with stack.working(whose):
        yield


def invite(stack: Stack, many: int) -> float:
    """So many people who were never invited are, to an event of their own. Returns when that was confirmed."""
    return float(stack.run("product", "benchmarks.invite", str(next(numbers)), str(many)))


def rate(stack: Stack, started: float) -> float:
    times = [at for at, _to in stack.taken()]
    return 60 * len(times) / (max(times) - started)


def check_each_once(stack: Stack, many: int) -> None:
    addresses = [to for _at, to in stack.taken()]
    if not len(addresses) == len(set(addresses)) == many:
        raise RuntimeError(f"{many} people were invited, and {len(addresses)} emails went to {len(set(addresses))}")


def save_sample_email(stack: Stack) -> None:
    """The baseline sends what the product sends: one of its invitations."""
    stack.save_sample_email("WHERE queue = 'bulk'")


def during_mailing(stack: Stack, size: "Size") -> list[Figure]:
    """Measure ten RSVPs a second while invitations leave at full speed. An email's time starts when it is written."""
    many, own = size.of(PEOPLE), size.of(300)
    stack.product.sign_up(stack.new_event(f"before-{next(numbers)}"), 8, at_once=8)
    with measured(stack, "bulk"), stack.working("product"):
        invite(stack, many)
        page = stack.new_event(f"own-{next(numbers)}")
        stack.product.sign_up(page, own, at_once=16, per_second=10, follow=False)
        stack.await_mails(many + own, 300)
        taken = {to: at for at, to in stack.taken()}
    written = dict(
        stack.sql(
            "SELECT recipient, extract(epoch FROM created_at)::float FROM mail_message WHERE queue = 'transactional'"
        )
    )
    last = max(at for to, at in taken.items() if to not in written)
    waits = sorted(taken[to] - at for to, at in written.items())
    value = waits[len(waits) * 95 // 100]
    beside = sum(at < last for at in written.values())
    notes = [
        f"`during_mailing`: {beside} of {own} RSVPs came while invitations left; half of the confirmations were taken "
        f"{waits[len(waits) // 2]:.3f} s after they were written, the slowest {waits[-1]:.2f} s."
    ]
    return [Figure("during_mailing", [value], product=f"{value:.3f} s", notes=notes)]
