"""What can be measured in a page: how readable it is, and how fast it answers."""

from collections.abc import Sequence
from typing import TypeAlias

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

GRAVE = ("serious", "critical")  # what axe calls the impact of a finding
OURS = (".jp-RenderedMarkdown", ".jp-OutputArea-output")
# ipywidgets gives the handle of a slider no name, and Python cannot give it one.  Each
# of our sliders has a control beside it that does the same, and has a name.
EXCUSED = (".noUi-handle",)
# What JupyterLab does to our text is not in our hands either.  Its body has no height,
# so that axe takes all of the page for hidden and looks at no colour; its links, which
# it makes of each path that is printed, have no line; some of its colours for code and
# for errors are hard to read.
WITHOUT_ITS_FAULTS = """
body { height: 100vh }
.jp-RenderedMarkdown a, .jp-RenderedText a { text-decoration: underline !important }
.jp-RenderedMarkdown pre span, .jp-RenderedText pre span {
    color: inherit !important; background: none !important
}
"""

# The two themes differ in their colours alone.
RULES = {"light": (), "dark": ("color-contrast",)}

# A control to click, or a box and what to write into it.
Step: TypeAlias = Locator | tuple[Locator, str]
# From that to the moment at which `place` holds something new, or something new that is
# `wanted`, in milliseconds.
LATENCY = """([place, control, text, wanted]) => new Promise((resolve, reject) => {
    const start = performance.now();
    const watcher = new MutationObserver(() => {
        if (wanted && !place.querySelector(wanted)) return;
        watcher.disconnect();
        resolve(performance.now() - start);
    });
    watcher.observe(place, {childList: true, characterData: true, subtree: true});
    setTimeout(() => reject(new Error("nothing changed in 5 seconds")), 5000);
    if (text === null) {
        control.click();
    } else {
        control.value = text;
        control.dispatchEvent(new Event("change", {bubbles: true}));
    }
})"""

# The number of what has the focus, if it is in the view; and all that a mouse can use.
STOP = """view => {
    const number = [...view.querySelectorAll("*")].indexOf(document.activeElement);
    return number < 0 ? null : number;
}"""
USABLE = """view => [...view.querySelectorAll("*")]
    .map((one, number) => [number, one])
    .filter(([_, one]) => one.checkVisibility() && !one.disabled && one.matches(
        "button, input, select, summary, a[href], [role=slider], [tabindex='0']"))
    .map(([number, one]) => [number, one.outerHTML])"""


def findings(page: Page, *places: str, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe finds grave in these places of a page, by these rules or all."""
    only = {"runOnly": list(rules)} if rules else {}
    sheet = page.add_style_tag(content=WITHOUT_ITS_FAULTS)
    found = Axe().run(
        page,
        context={
            "include": [[place] for place in places],
            "exclude": [[place] for place in EXCUSED],
        },
        options={"resultTypes": ["violations"]} | only,
    )
    sheet.evaluate("sheet => sheet.remove()")
    return [
        f"{violation['id']}: {node['html'][:300]}\n{node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
        if node["impact"] in GRAVE
    ]


def latency(place: Locator, step: Step, wanted: str | None = None) -> float:
    """Do a step; return the milliseconds until `place` holds something new.

    `wanted` is a selector of what has to be in it, if not anything will do.
    """
    control, text = step if isinstance(step, tuple) else (step, None)
    handles = [place.element_handle(), control.element_handle()]
    return float(place.page.evaluate(LATENCY, [*handles, text, wanted]))


def out_of_reach(view: Locator) -> list[str]:
    """Walk through a view with the key Tab; return what only a mouse could use."""
    missed = dict(view.evaluate(USABLE))
    view.evaluate("view => { view.tabIndex = -1; view.focus() }")
    found = view.element_handle()  # once, and not for each stop
    while True:
        view.page.keyboard.press("Tab")
        stop = found.evaluate(STOP)
        if stop is None:
            return list(missed.values())
        missed.pop(stop, None)
