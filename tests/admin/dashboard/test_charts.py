from proxy.admin.dashboard.charts import Chart, Line, charts, label
from proxy.admin.dashboard.ranges import TimeRange
from proxy.admin.dashboard.totals import Totals
from proxy.storage.ranges import DAY, HOUR
from tests.admin.bureau import NOW


def three_hours() -> list[Chart]:
    when = TimeRange("custom", NOW, NOW + 5 * HOUR)
    busy = Totals(requests=10, input_tokens=100, cached_input_tokens=40, output_tokens=7, cost_micros=1_500_000)
    busy.outcomes |= {"served": 7, "refused": 1, "failed": 2}
    times = [{"bucket": NOW + HOUR, "values": [0.5, 2.0]}, {"bucket": NOW + 3 * HOUR, "values": [0.7, 1.0]}]
    return charts(when, {NOW + HOUR: busy, NOW + 2 * HOUR: Totals(requests=1, unpriced=1)}, times, [])


def test_every_bucket_has_a_value_in_every_line() -> None:
    made = three_hours()
    assert [each.name for each in made] == ["requests", "tokens", "cost", "latency", "first-token"]
    for chart in made:
        assert list(chart.labels) == ["08:00", "09:00", "10:00", "11:00", "12:00"]
        assert all(len(line.values) == 5 for line in chart.lines)
    requests, tokens, cost, latency, first = made
    assert [line.values[1] for line in requests.lines] == [7, 1, 2, 0]
    assert [line.values[1] for line in tokens.lines] == [60, 40, 7]
    assert list(cost.lines[0].values) == [0, 1.5, None, 0, 0]  # what has no known price is a gap, not nothing
    assert list(latency.lines[1].values) == [None, 2.0, None, 1.0, None]
    assert list(first.lines[0].values) == [None] * 5


def test_the_same_numbers_as_a_table_without_what_is_empty() -> None:
    requests, tokens, cost, latency, first = three_hours()
    assert requests.columns() == ["UTC", "#Served", "#Refused (4xx)", "#Failed (5xx, broken streams)", "#Client left"]
    assert requests.rows() == [("09:00", ["7", "1", "2", "0"])]
    assert tokens.rows() == [("09:00", ["60", "40", "7"])]
    assert cost.rows() == [("09:00", ["$1.50"])]
    assert latency.rows() == [("09:00", ["500 ms", "2.00 s"]), ("11:00", ["700 ms", "1.00 s"])]
    assert first.rows() == []


def test_what_a_screen_reader_says() -> None:
    requests, _, cost, latency, first = three_hours()
    assert requests.summary == (
        "Requests: Served 7 in total; Refused (4xx) 1 in total; Failed (5xx, broken streams) 2 in total; "
        "Client left 0 in total."
    )
    assert cost.summary == "Cost: US dollars $1.50 in total."
    assert latency.summary == "Latency: p50 between 500 ms and 700 ms; p95 between 1.00 s and 2.00 s."
    assert first.summary == "Time to first token: nothing yet."


def test_what_the_script_is_given() -> None:
    made = Chart("a", "A", "line", "number", ["x"], [Line("l", [1], 3)])
    assert made.data() == {
        "form": "line", "unit": "number", "labels": ["x"], "lines": [{"name": "l", "values": [1], "colour": 3}],
    }  # fmt: skip


def test_labels_tell_as_much_as_is_needed() -> None:
    assert label(NOW, TimeRange("1h", NOW, NOW + HOUR)) == "08:00"
    assert label(NOW, TimeRange("7d", NOW, NOW + 7 * DAY)) == "15 Jan 08:00"
    assert label(NOW, TimeRange("30d", NOW, NOW + 30 * DAY)) == "15 Jan"
    assert label(NOW, TimeRange("custom", NOW, NOW + 400 * DAY)) == "15 Jan 2027"


def test_lines_of_one_chart_have_colours_of_their_own() -> None:
    for chart in three_hours():
        assert len({line.colour for line in chart.lines}) == len(chart.lines)
