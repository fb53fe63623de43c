import re

import pytest

from cfslib.views import style


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("number", range(len(style.COLOURS)))
def test_letters_on_a_colour_can_be_read(number: int) -> None:
    rule = re.search(
        rf"cfs-colour-{number} {{ background: (#\w+);.* color: (#\w+)", style.SHEET
    )
    assert rule
    dark, light = sorted(map(luminance, rule.groups()))

    assert (light + 0.05) / (dark + 0.05) >= 4.5  # level AA


def test_the_style_sheet_touches_nothing_but_our_own_drawings() -> None:
    rules = re.findall(r"^\s*([^{}@]+?)\s*\{", style.SHEET, re.MULTILINE)

    assert len(rules) > 20
    assert all(rule.startswith((".cfs", "@media")) for rule in rules), rules
