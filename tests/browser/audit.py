"""What can be measured in a page: how readable it is, and how fast it answers."""

import statistics

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

GRAVE = ("serious", "critical")  # what axe calls the impact of a finding

# From a click to the moment at which `place` holds something new, in milliseconds.
LATENCY = """([place, button]) => new Promise(resolve => {
    const start = performance.now();
    const watcher = new MutationObserver(() => {
        watcher.disconnect();
        resolve(performance.now() - start);
    });
    watcher.observe(place, {childList: true, characterData: true, subtree: true});
    button.click();
})"""


def findings(page: Page, *places: str) -> list[str]:
    """Return what axe finds grave in these places of a page."""
    found = Axe().run(
        page,
        context={"include": [[place] for place in places]},
        options={"resultTypes": ["violations"]},
    )
    return [
        f"{violation['id']}: {node['html'][:300]}\n{node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
        if node["impact"] in GRAVE
    ]


def latency(button: Locator, place: Locator, times: int) -> float:
    """Click so many times; return the median milliseconds until `place` changed."""
    page = button.page
    pair = [place.element_handle(), button.element_handle()]
    return statistics.median(float(page.evaluate(LATENCY, pair)) for _ in range(times))
