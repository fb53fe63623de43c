import re

import pytest

from cfslib.isolation.namespaces import Namespace
from cfslib.views import style

pytestmark = pytest.mark.alike


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return how well one colour can be told from another, as WCAG 2 defines it."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


CLASSES = (
    *(f"cfs-colour-{number}" for number in range(len(style.COLOURS))),
    *map(style.namespace_class, Namespace),
)


@pytest.mark.parametrize("name", CLASSES)
def test_letters_on_a_colour_can_be_read(name: str) -> None:
    rule = re.search(rf"{name} {{ background: (#\w+);.* color: (#\w+)", style.SHEET)

    assert rule
    assert contrast(*rule.groups()) >= 4.5  # level AA


def test_each_kind_of_namespace_has_a_colour_of_its_own() -> None:
    assert set(style.NAMESPACES) == set(map(str, Namespace))
    assert len(set(style.NAMESPACES.values())) == len(Namespace)


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_grey_is_seen_on_both_grounds(ground: str) -> None:
    assert contrast(style.NAMESPACES["TIME"], ground) >= 3


def test_the_style_sheet_touches_nothing_but_our_own_drawings() -> None:
    moves = re.compile(r"^@keyframes cfs-.*?^}", re.MULTILINE | re.DOTALL)
    rest = moves.sub("", style.SHEET)
    rules = re.findall(r"^\s*([^{}@]+?)\s*\{", rest, re.MULTILINE)

    assert len(rules) > 20
    assert all(rule.startswith((".cfs", "@media")) for rule in rules), rules
    assert "@keyframes" not in rest
