"""Pages of explanations: complete, nothing from outside, readable colours, and a table under each picture."""

from __future__ import annotations

import io
import re
import shutil
from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from luban.reports import explaining
from luban.reports.charts._marks import STRONGEST, Mark, png
from luban.reports.charts.attributions import attributions
from luban.reports.charts.regions import regions
from luban.reports.charts.stretches import series, sound
from luban.reports.drawing import drawn, marks
from luban.reports.shading import MOST, shaded
from reports.evidence import HOSTILE
from reports.explanations import CUTS, KINDS, TEXT, attribution, explanation
from reports.phone import widths
from reports.test_page import Page

HERE = Path(explaining.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"


def of(kind: str, **more: object) -> tuple[dict[str, object], explaining.Pictures]:
    return {"explanations": [explanation(kind, **more)]}, {(3, "x"): CUTS[kind]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_well_formed_and_needs_nothing_from_outside(kind: str) -> None:
    document = explaining.page(*of(kind), name="customers")
    found = Page(document)
    names = [name for name, _ in found.elements]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(names)
    for _, attributes in found.elements:
        assert not {"src", "srcset"} & set(attributes)
        assert (attributes.get("href") or "data:image/png;base64,").startswith("data:image/png;base64,")
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in document and "@import" not in document
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in document
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(document) < 1_500_000


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_can_be_told_and_has_a_table_below(kind: str) -> None:
    document = explaining.page(*of(kind))
    pictures = re.findall(r"<svg.*?</svg>", document, re.DOTALL)
    shown = len(pictures) + document.count('<div class="shaded">')
    assert shown == (1 if kind == "nothing" else 2) == document.count("<table>") == document.count("<figcaption")
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root.find(f"{SVG}title").text and root.find(f"{SVG}desc").text  # type: ignore[union-attr]
        assert not re.search(r"\b(nan|inf)\b", re.sub(r"base64,[^\"]*", "", picture))
        box = [float(part) for part in root.attrib["viewBox"].split()]
        for one in root.iter(f"{SVG}rect"):
            x, y, width, height = (float(one.attrib[key]) for key in ("x", "y", "width", "height"))
            assert -0.01 <= x <= x + width <= box[2] + 0.01 and -0.01 <= y <= y + height <= box[3] + 0.01


def test_the_page_tells_the_answer_the_method_and_its_errors() -> None:
    told = " ".join(Page(explaining.page(*of("text"), name="customers")).text.split())
    for part in (
        "Why customers answers so",
        "Row 3: yes",
        "the probability of yes is 0.75; with nothing known it is 0.25",
        "The model agrees with this order.",
        "age = 41",
        "+0.312 ± 0.020",
        "−0.126 ± 0.039",
        "shap: any model can be asked",
        "rows the model was asked",
        "512",
        "insertion 0.7, deletion 0.3, gap 0.4; gap of random orders 0.01",
    ):
        assert part in told, part
    assert "Do not rely on it" not in told


def test_an_explanation_that_the_model_does_not_agree_with_is_not_shown_as_if_it_did() -> None:
    faithfulness = {**explanation()["faithfulness"], "holds": False, "text": "random orders do as well"}
    told = Page(explaining.page({"explanations": [explanation(faithfulness=faithfulness)]})).text
    assert "Do not rely on it" in told and "Random orders do as well. Do not rely on it." in told


def test_an_answer_of_many_numbers_is_written_as_numbers() -> None:
    told = Page(explaining.page({"explanations": [explanation(prediction=[22914.00002643, 0.5])]})).text
    assert "Row 3: 22,914; 0.5" in told


def test_what_a_method_tells_beside_is_shown() -> None:
    more = {"local_r2": 0.875, "changes": [{"column": "age", "before": 41, "after": 50}], "rule": ["age > 40"]}
    told = " ".join(Page(explaining.page({"explanations": [explanation(more=more)]})).text.split())
    assert "local r2" in told and "0.875" in told and "column age, before 41, after 50" in told and "age > 40" in told


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_without_pictures_there_are_bars(kind: str) -> None:
    document = explaining.page({"explanations": [explanation(kind)]})
    Page(document)
    assert "<image" not in document and document.count("<svg") == (2 if kind and kind != "nothing" else 1)


def test_hostile_names_and_texts_stay_text() -> None:
    one = explanation("text", prediction=HOSTILE, output=HOSTILE, method=HOSTILE, reason=HOSTILE)
    one["attributions"].append(attribution(HOSTILE, 0.1, column=HOSTILE, value=HOSTILE))
    document = explaining.page({"explanations": [one]}, {(3, "x"): CUTS["text"]}, name=HOSTILE)
    found = Page(document)
    assert "script" not in [name for name, _ in found.elements] and "<script>" in found.text
    assert "\x1b" not in found.text and "the <b>plot</b> is thin" in found.text


@pytest.mark.parametrize(
    ("strange", "told"),
    [
        ({}, "No row was explained."),
        ({"explanations": 3}, "No row was explained."),
        (
            {"explanations": [{}, 5, {"row": "x", "attributions": [{}, {"unit": 1, "attribution": None}, 7]}]},
            "Row –: – For this row is –; with nothing known it is –. method : rows the model was asked –",
        ),
        (
            {"explanations": [explanation(attributions=[attribution("a", 0.0, None), attribution("b", float("nan"))])]},
            "column adds standard error a 0.000 – method",
        ),
        (
            {
                "explanations": [
                    explanation(attributions=[attribution("a", 1e300, 1e299), attribution("b", -1e-300, 0.0)])
                ]
            },
            "a +1e+300 1e+299 b 0 exact",
        ),
        (
            {"importance": [{"column": "a"}, {"column": "b", "value": 1, "low": 0, "high": 2}]},
            "a – – to – b 1 0.0 to 2.0",
        ),
    ],
    ids=range(6),
)
def test_documents_that_hold_little_or_strange_things_are_shown_as_far_as_they_go(
    strange: dict[str, object], told: str
) -> None:
    for document in (explaining.page(strange), explaining.fragment(strange)):
        assert told in " ".join(Page(document.replace("<", " <")).text.split())


def test_ten_thousand_columns_make_no_page_of_ten_thousand_rows() -> None:
    many = [attribution(f"column {number}", 1 / (number + 1), column=f"column {number}") for number in range(10_000)]
    document = explaining.page({"explanations": [explanation(attributions=many)]})
    assert "with 9800 more" in document and len(document) < 200_000


def test_equal_documents_give_equal_pages() -> None:
    assert explaining.page(*of("sound")) == explaining.page(*of("sound"))


def test_a_view_in_a_notebook_styles_nothing_but_itself() -> None:
    view = explaining.fragment(*of("series"))
    Page(view)
    style = view[view.index("<style>") + 7 : view.index("</style>")].strip()
    assert style.startswith(".luban-explanations {") and style.endswith("}")
    assert style.count("{") == style.count("}")
    assert ":root" not in style and not re.search(r"^\s*(html|body)\b", style, re.MULTILINE)
    assert "<html" not in view and "<body" not in view


# Pictures.


def test_bars_are_as_long_as_what_they_stand_for_to_the_side_of_its_sign() -> None:
    picture = ElementTree.fromstring(
        attributions("a", "title", [Mark("a", 0.4), Mark("b", -0.2), Mark("c", 0.1, 0.05)])
    )
    boxes = [(float(r.attrib["x"]), float(r.attrib["width"]), r.attrib["class"]) for r in picture.iter(f"{SVG}rect")]
    (a, wide, up), (b, half, down), (c, quarter, _) = boxes
    assert (up, down) == ("up", "down")
    assert wide == pytest.approx(2 * half, rel=0.01) == pytest.approx(4 * quarter, rel=0.05)
    assert a == pytest.approx(b + half, abs=0.02) == pytest.approx(c, abs=0.02)
    [whisker] = [one for one in picture.iter(f"{SVG}line") if one.attrib["class"] == "whisker"]
    reach = float(whisker.attrib["x2"]) - float(whisker.attrib["x1"])
    assert reach == pytest.approx(2 * 1.96 * 0.05 / 0.4 * wide, rel=0.01)


def test_the_pixels_of_a_region_are_those_that_are_coloured() -> None:
    pixels, numbers = np.zeros((1, 4, 6), np.uint8), np.array([[0, 0, 1, 1, 0, 2]] * 4)
    strong, unsure, weak = (
        Mark("a", 1.0, 0.0, (0,), 1.0),
        Mark("b", 0.5, 0.4, (1,), 0.5),
        Mark("c", -0.25, 0.0, (2,), 0.25),
    )
    root = ElementTree.fromstring(regions("r", "title", pixels, numbers, [strong, unsure, weak]))
    paths = list(root.iter(f"{SVG}path"))
    assert [path.attrib["class"] for path in paths] == ["up over", "down over"]
    assert [float(path.attrib["fill-opacity"]) for path in paths] == pytest.approx([STRONGEST, STRONGEST / 4], abs=0.01)
    covered = np.zeros((4, 6), bool)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", paths[0].attrib["d"]):
        covered[int(y), int(x) : int(x) + int(length)] = True
    assert np.array_equal(covered, numbers == 0)


def test_colours_are_seen_over_black_and_over_white() -> None:
    """The distance of the two colours in sRGB, of which black and white are 1.73 apart."""
    pixels = np.array([[[0, 255]]], np.uint8)
    root = ElementTree.fromstring(regions("r", "title", pixels, np.array([[0, 1]]), [Mark("a", 1.0, 0.0, (0,), 1.0)]))
    _, image = root.iter(f"{SVG}image")
    below = np.asarray(Image.open(io.BytesIO(b64decode(image.attrib["href"].split(",")[1]))))[0] / 255
    style = (HERE / "explaining.css").read_text(encoding="utf-8")
    for color in re.findall(r"\.over \{ fill: (#\w+); \}", style):
        for gray in below:
            over = STRONGEST * _rgb(color) + (1 - STRONGEST) * np.full(3, gray)
            assert np.linalg.norm(over - np.full(3, gray)) > 0.3, (color, gray)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_picture_is_written_as_every_reader_reads_it(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    read = Image.open(io.BytesIO(b64decode(png(pixels).split(",")[1])))
    assert np.array_equal(np.asarray(read), pixels)


def test_stretches_lie_where_they_are_heard() -> None:
    frames = np.zeros((100, 8), np.float32)
    told = [Mark("a", 1.0, 0.0, (0.0, 0.25), 1.0), Mark("b", -0.5, 0.0, (0.25, 1.0), 0.5)]
    root = ElementTree.fromstring(sound("s", "title", frames, 0.01, told))
    over = [one for one in root.iter(f"{SVG}rect") if one.attrib["class"].endswith("over")]
    widths = [float(one.attrib["width"]) for one in over]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)
    assert float(over[1].attrib["x"]) == pytest.approx(float(over[0].attrib["x"]) + widths[0], abs=0.02)


def test_a_line_passes_through_the_values() -> None:
    root = ElementTree.fromstring(series("s", "title", np.array([[0.0], [1.0], [3.0]]), [Mark("a", 1.0, place=(0, 3))]))
    [line] = [one for one in root.iter(f"{SVG}path") if one.attrib["class"] == "told"]
    (x1, y1), (x2, y2), (x3, y3) = (map(float, point.split()) for point in re.split("[ML]", line.attrib["d"])[1:])
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and y2 - y3 == pytest.approx(2 * (y1 - y2), abs=0.3)


def test_a_series_of_one_step_is_a_point() -> None:
    assert "<circle" in series("s", "title", np.zeros((1, 1)), [Mark("a", 1.0, place=(0, 1))])


def test_words_are_shaded_by_their_share_and_nothing_is_lost() -> None:
    told = [Mark("Not", -0.2, 0.0, (0, 3), 0.5), Mark("bad", 0.4, 0.0, (4, 7), 1.0), Mark("at", 0.1, 0.2, (8, 10), 0.2)]
    markup = shaded(TEXT, told)
    assert '<mark class="down" style="--share:0.50"' in markup and '<mark class="up" style="--share:1.00"' in markup
    assert re.search(r'<mark title="[^"]*">at</mark>', markup), "what is not told apart from zero has no colour"
    assert Page(f"<p>{markup}</p>").text == TEXT
    assert Page(f"<p>{shaded('a' * (MOST + 5), [])}</p>").text == "a" * MOST + "…"


def test_marks_that_overlap_or_lie_outside_do_no_harm() -> None:
    told = [Mark("a", 1.0, place=(0, 5)), Mark("b", 1.0, place=(3, 8)), Mark("c", 1.0, place=(90, 95))]
    assert Page(f"<p>{shaded('0123456789', told)}</p>").text == "0123456789"


def test_what_is_drawn_beside_a_number_is_the_number() -> None:
    found = [mark for _, mark in marks([attribution("a", 12.5, 0.5), attribution("b", -1.27, None)])]
    assert [mark.told for mark in found] == ["+12.5 ± 1.0", "−1.3"]
    assert [mark.told for _, mark in marks([attribution("a", 1.0, 0.0), attribution("b", 1e-17, None)])] == [
        "+1.00",
        "0.00",
    ]
    assert [mark.share for mark in found] == pytest.approx([1.0, 0.1016]) and [mark.sure for mark in found] == [
        True,
        True,
    ]


def test_columns_come_first_and_each_column_in_pieces_by_itself() -> None:
    found = drawn("e", explanation("text"), {"x": CUTS["text"]})
    assert [part.title for part in found] == ["Columns", "x"]
    assert [len(part.rows) for part in found] == [3, 4]


# Colours.


def _variables() -> list[dict[str, str]]:
    """Of the light and of the dark style."""
    style = "".join((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "explaining.css"))
    light = dict(re.findall(r"--([a-z]+): ([^;]+);", "".join(re.findall(r"^:root \{(.*?)\}", style, re.S | re.M))))
    dark = dict(re.findall(r"--([a-z]+): ([^;]+);", "".join(re.findall(r"dark\) \{\s*:root \{(.*?)\}", style, re.S))))
    return [light, {**light, **dark}]


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255


def _luminance(color: np.ndarray) -> float:
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("color", ["own", "other"])
def test_shaded_words_are_read_as_wcag_asks(mode: int, color: str) -> None:
    """AA: 4.5 to 1 for text (WCAG 2.2, 1.4.3), 3 to 1 for pictures (1.4.11)."""
    colors = _variables()[mode]
    share = float(colors["most"].removesuffix("%")) / 100
    shaded_ = share * _rgb(colors[color]) + (1 - share) * _rgb(colors["paper"])
    assert _contrast(_rgb(colors["ink"]), shaded_) >= 4.5
    assert _contrast(_rgb(colors[color]), _rgb(colors["paper"])) >= 3
    # The strongest shade is seen as one.
    assert _contrast(shaded_, _rgb(colors["paper"])) >= 1.5


def _seen_by_colour_blind(color: np.ndarray, matrix: list[list[float]]) -> np.ndarray:
    return np.clip(np.array(matrix) @ color, 0, 1)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ],
    ids=["protanopia", "deuteranopia"],
)
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_the_two_colours_are_told_apart_by_those_who_see_no_red_and_green(mode: int, matrix: list[list[float]]) -> None:
    """Simulated as in Machado, Oliveira and Fernandes (2009), at full strength."""
    colors = _variables()[mode]
    own, other = (_seen_by_colour_blind(_rgb(colors[name]), matrix) for name in ("own", "other"))
    assert np.linalg.norm(own - other) > 0.4


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
@pytest.mark.parametrize("kind", ["text", "colors", "channels"])
def test_nothing_scrolls_sideways_on_a_phone(kind: str, tmp_path: Path) -> None:
    taken, there = widths(explaining.page(*of(kind, prediction=HOSTILE), name=HOSTILE), tmp_path)
    assert taken <= there
