"""The chart of the partner list as numbers: which bars, how long."""

from partners.directory import charts


def bars(now: dict, before: dict) -> list[tuple]:
    chart = charts.draw(now, before)
    return [
        (sector.label, sector.now.text, sector.now.width, sector.before.text, sector.before.width)
        for sector in chart.sectors
    ]


def test_bars_are_sorted_by_count_and_the_longest_leaves_room_for_its_number():
    drawn = bars({"Labor": 50, "Faith": 200, "Other": 200}, {"Gone": 10, "Labor": 400})
    assert drawn == [
        ("Faith", "200", 150, "0", 0),
        ("Other", "200", 150, "0", 0),
        ("Labor", "50", 38, "400", 300),
        ("Gone", "0", 0, "10", 8),
    ]


def test_smallest_bar_is_still_visible():
    assert bars({"Labor": 1, "Faith": 5000}, {})[1] == ("Labor", "1", 2, "0", 0)


def test_no_second_bar_without_a_previous_year():
    assert not charts.draw({"Labor": 1}, {}).has_before
    assert charts.draw({"Labor": 1}, {"Labor": 1}).has_before


def test_rows_are_stacked_vertically_with_each_number_at_the_end_of_its_bar():
    chart = charts.draw({"A": 2, "B": 1}, {})
    assert [(sector.label_y, sector.now.y, sector.now.text_x) for sector in chart.sectors] == [
        (14, 22, 306),
        (65, 73, 156),
    ]
    assert chart.height == 94
    chart = charts.draw({"A": 2}, {"B": 1})
    assert [(sector.now.y, sector.before.y, sector.before.text_x) for sector in chart.sectors] == [
        (22, 39, 0),
        (90, 107, 156),
    ]
    assert chart.height == 128
