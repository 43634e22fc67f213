"""The chart of the partner list as numbers: which bars, how long."""

from partners.directory import charts


def bars(now: dict, before: dict) -> list[tuple]:
    chart = charts.draw(now, before)
    return [(bar.label, bar.now, bar.width, bar.before, bar.thin_width) for bar in chart.bars]


def test_bars_are_sorted_by_count_and_the_longest_fills_the_width():
    drawn = bars({"Labor": 50, "Faith": 200, "Other": 200}, {"Gone": 10, "Labor": 400})
    assert drawn == [
        ("Faith", "200", 176, "0", 0),
        ("Other", "200", 176, "0", 0),
        ("Labor", "50", 44, "400", 352),
        ("Gone", "0", 0, "10", 9),
    ]


def test_smallest_bar_is_still_visible():
    assert bars({"Labor": 1, "Faith": 5000}, {})[1] == ("Labor", "1", 2, "0", 0)


def test_no_second_bar_without_a_previous_year():
    assert not charts.draw({"Labor": 1}, {}).has_before
    assert charts.draw({"Labor": 1}, {"Labor": 1}).has_before


def test_rows_are_stacked_vertically():
    chart = charts.draw({"A": 2, "B": 1}, {})
    assert [(bar.label_y, bar.bar_y, bar.thin_y) for bar in chart.bars] == [(14, 21, 33), (62, 69, 81)]
    assert chart.height == 96
