"""What can be measured in a page: how readable it is, and how fast it answers."""

from collections.abc import Sequence
from typing import TypeAlias

from axe_playwright_python.base import AXE_SCRIPT
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

# Colours take axe longest, text by text, and most texts look like another one.  So it
# gets one of each look: all that it measures goes into a look, and what lies about or
# moves is like nothing else.
ONE_OF_EACH_LOOK = """places => {
    const looks = new Map(), seen = new Set(), below = new Map([[null, 0]]);
    const number = look => looks.get(look) ?? looks.set(look, looks.size).get(look);
    const ground = one => {
        if (!below.has(one)) {
            const style = getComputedStyle(one);
            const lies_about = !/static|relative/.test(style.position)
                || style.transform != "none" || style.float != "none"
                || style.margin.includes("-");
            below.set(one, number([ground(one.parentElement), style.backgroundColor,
                style.backgroundImage, style.opacity, style.filter,
                lies_about && below.size].join()));
        }
        return below.get(one);
    };
    for (const one of document.querySelectorAll(places)) {
        const style = getComputedStyle(one);
        const words = [...one.childNodes]
            .filter(node => node.nodeType == Node.TEXT_NODE)
            .map(node => node.data.trim()).join("");
        const look = number([ground(one), one.tagName, one.className, one.type,
            one.disabled, style.color, style.fontSize, style.fontWeight,
            style.fontFamily, style.textShadow, style.webkitTextFillColor,
            style.webkitTextStroke, style.textIndent, style.overflow,
            Math.min(words.length, 2), one.getClientRects().length > 0,
            one.checkVisibility({opacityProperty: true, visibilityProperty: true}),
        ].join());
        one.toggleAttribute("data-audited", !seen.has(look));
        seen.add(look);
    }
}"""
BY_LOOK = """
axe.configure({rules: [{id: "color-contrast", selector: "[data-audited]"}]});"""

# The two themes differ in their colours alone.
CONTRAST = "color-contrast"
RULES = {"light": (), "dark": (CONTRAST,)}

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
    all_of_it = ", ".join(f"{place}, {place} *" for place in places)
    page.evaluate(ONE_OF_EACH_LOOK, all_of_it)
    found = Axe(AXE_SCRIPT + BY_LOOK).run(
        page,
        context={
            "include": [[place] for place in places],
            "exclude": [[place] for place in EXCUSED],
        },
        options={"resultTypes": ["violations"]} | only,
    )
    sheet.evaluate("sheet => sheet.remove()")
    blind = {rule["id"] for rule in found.response["inapplicable"]}
    assert CONTRAST not in blind, "no text was looked at"
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
