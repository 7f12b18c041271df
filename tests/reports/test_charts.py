"""Pictures: every value has its place, numbers without one are left out, texts are escaped."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import pytest

from luban.reports.charts._svg import HEADING, Scale, element, ticks
from luban.reports.charts.curve import Curve, curves
from luban.reports.charts.fan import Fan, fan
from luban.reports.charts.histogram import histogram
from luban.reports.charts.importance import importance
from luban.reports.charts.reliability import reliability
from luban.reports.charts.scatter import scatter
from luban.reports.charts.whiskers import Whisker, whiskers

SVG = "{http://www.w3.org/2000/svg}"


def circles(picture: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(picture)
    return [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in root.iter(f"{SVG}circle")]


def test_a_perfectly_calibrated_bin_lies_on_the_diagonal() -> None:
    curve = [{"confidence": share, "frequency": share, "rows": 50} for share in (0.1, 0.5, 0.9)]
    places = circles(reliability("c", "title", curve))
    slopes = {round((y2 - y1) / (x2 - x1), 3) for (x1, y1), (x2, y2) in itertools.pairwise(places)}
    assert len(places) == 3 and len(slopes) == 1


def test_right_predictions_lie_on_the_line() -> None:
    picture = scatter("s", "title", [(1.0, 1.0), (2.0, 2.0), (5.0, 5.0)])
    (x1, y1), (x2, y2), (x3, y3) = circles(picture)
    assert (y2 - y1) / (x2 - x1) == pytest.approx((y3 - y2) / (x3 - x2), rel=0.01)


def test_values_without_a_place_are_left_out() -> None:
    rows = [Whisker("r2", math.nan, 0.0, 1.0, None, -math.inf, 1.0), Whisker("f1", 0.5, 0.4, 0.6, math.inf, 0.0, 1.0)]
    assert len(circles(whiskers("w", "title", rows, "constant"))) == 1
    assert circles(reliability("c", "title", [{"confidence": None, "frequency": 0.1, "rows": 3}])) == []
    assert histogram("h", "title", "told", []) == "" == histogram("h", "title", "told", ["x", None, 0])
    ElementTree.fromstring(importance("i", "title", [{"column": "a", "value": None}]))
    ElementTree.fromstring(scatter("s", "title", []))


def test_a_dot_stays_in_the_picture_whatever_its_value() -> None:
    rows = [Whisker("rmse", 1e300, 0.0, 1e301, 1e308, 0.0, math.inf), Whisker("mae", 0.0, 0.0, 0.0, 0.0, 0.0, math.inf)]
    assert all(0 <= x <= 360 for x, _ in circles(whiskers("w", "title", rows, "constant")))


def test_headings_end_within_the_picture() -> None:
    long = "pretrained-image " * 9
    drawn = curves("c", long, "told", [Curve(long, "step", [[(0.0, 1.0)]])])
    ahead = fan("f", "Forecasts", [Fan(long, [1.0], [2.0], [2.0], [], [])])
    for picture in (drawn, ahead):
        texts = [one.text or "" for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]
        assert max(map(len, texts)) == HEADING and texts[0].endswith("…")
    assert ElementTree.fromstring(drawn)[0].text == long, "who has it read aloud hears all of it"


def test_texts_are_escaped() -> None:
    picture = importance("i", "<b>", [{"column": '"><script>', "value": 1.0, "low": 0.5, "high": 2.0}])
    assert "<script>" not in picture and "<b>" not in picture
    ElementTree.fromstring(picture)
    assert element("text", 'a"b', title='a"b') == '<text title="a&#34;b">a&#34;b</text>'


def test_bars_are_as_high_as_their_counts() -> None:
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" class="bar"', histogram("h", "t", "d", [1, 2, 4]))]
    assert heights == [6.5, 13, 26]


def test_a_scale_without_length_puts_everything_in_the_middle() -> None:
    assert Scale(3, 3, 0, 10)(3) == 5


@pytest.mark.parametrize("low, high", [(0, 1), (-3e6, 7e9), (1e-9, 2e-9), (0.0, 0.0), (-1.0, math.inf)])
def test_ticks_are_few_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert len(found) <= 11
    assert all(low - 1e-9 * abs(low) <= tick <= high for tick in found)
