"""The words of each picture fit into their boxes, as Chromium sets them."""

import json

import pytest
from playwright.sync_api import Browser

from cfslib.views import certificate
from tests.drawings.files import drawn
from tests.views.test_certificate import CALLS as FEW
from tests.views.test_certificate import DAY, call

# What is wrong with the words of a picture: each has to lie in the smallest box that is
# around its middle, with some air, and on no other.
FIND = """() => {
    const air = 3, found = [];
    const all = kind => [...document.querySelectorAll(kind)];
    const rects = all("rect").map(r => r.getBBox());
    const texts = all("text").map(t => [t.textContent, t.getBBox()]);
    const size = a => a.width * a.height, right = a => a.x + a.width;
    const holds = (a, x, y) =>
        a.x <= x && x <= a.x + a.width && a.y <= y && y <= a.y + a.height;
    for (const [words, t] of texts) {
        const x = t.x + t.width / 2, y = t.y + t.height / 2;
        const around = rects.filter(r => holds(r, x, y));
        const box = around.sort((a, b) => size(a) - size(b))[0];
        if (!box || t.x < box.x + air || right(box) - air < right(t))
            found.push("too long: " + words);
        for (const [other, o] of texts)
            if (o !== t && t.x < right(o) && o.x < right(t)
                && t.y + air < o.y + o.height && o.y + air < t.y + t.height)
                found.push(words + " is on " + other);
    }
    return found;
}"""


# Of each kind so many that their number takes two digits.
CALLS = [*FEW, *(call(name, 5) for name in ("prctl", "unshare") for _ in range(40))]
PICTURES = {
    **drawn(),
    "certificate": certificate.to_svg(CALLS, "W" * 20, DAY),
    "certificate of a short name": certificate.to_svg(CALLS, "Al", DAY),
}


@pytest.mark.parametrize("name", PICTURES)
def test_words_fit_into_their_boxes(browser: Browser, name: str) -> None:
    page = browser.new_page()
    page.set_content(PICTURES[name])
    found = page.evaluate(FIND)
    page.close()

    assert found == [], json.dumps(found, indent=2)
