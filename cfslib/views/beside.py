"""beside: one command on the host and in a container, side by side.

Each namespace can be left out, to see what it was good for.
"""

from collections.abc import Callable

import ipywidgets

from cfslib.isolation.namespaces import Namespace
from cfslib.lessons.boxed import Seen
from cfslib.views.differences import marked
from cfslib.views.page import Markup, element, join, output, page
from cfslib.views.style import NAMESPACES
from cfslib.views.widget import View, button, checkbox, labelled, row

Run = Callable[[str, Namespace], Seen]

# What a box of its own changes, and a command that shows it.
MEANING = {
    Namespace.UTS: ("the name of the machine", "hostname"),
    Namespace.PID: ("the numbers of processes", "ps -e -o pid,comm"),
    Namespace.MNT: ("the list of mounts", "cut -d ' ' -f 5 /proc/self/mountinfo"),
    Namespace.IPC: ("System V shared memory and message queues", "ipcs -q -m"),
    Namespace.NET: ("network interfaces", "cat /proc/net/dev"),
    Namespace.USER: ("user ids, and what root may do", "id"),
    Namespace.CGROUP: ("where the tree of cgroups starts", "cat /proc/self/cgroup"),
}
_LEGEND = (
    "≠ marks what the other side does not have.  One ran after the other, so what "
    "changes by itself is marked as well."
)
ALL_THREE = Namespace.UTS | Namespace.PID | Namespace.MNT


def view(
    run: Run, command: str, forced: Namespace, ticked: Namespace = ALL_THREE
) -> View:
    """Return the experiment; `run` takes a command and the namespaces of its own.

    `forced` are those that this user cannot leave out.
    """
    line = labelled(ipywidgets.Text(value=command, description="Command"))
    line.layout.width = "32em"
    boxes = {kind: checkbox(str(kind), kind in ticked | forced) for kind in MEANING}
    for kind in MEANING:
        boxes[kind].disabled = kind in forced
        boxes[kind].tooltip = MEANING[kind][0]
        boxes[kind].layout.border_left = f"5px solid {NAMESPACES[str(kind)]}"
        boxes[kind].layout.padding = "0 0 0 4px"
    picture, before = ipywidgets.HTML(), list[Namespace]()

    def draw() -> None:
        kinds = Namespace(0)
        for kind, box in boxes.items():
            kinds |= kind if box.value else Namespace(0)
        host, inside = run(line.value, Namespace(0)), run(line.value, kinds)
        changed = kinds ^ before[-1] if before else Namespace(0)
        before[:] = [kinds]
        text = explain(kinds, changed, forced, line.value)
        picture.value = to_html(line.value, host, inside, text)

    def again(*_: object) -> None:
        shown.attempt(draw)

    for box in boxes.values():
        box.observe(again, "value")
    # The key Enter.  Observing the value would run half a command at each key.
    line.on_msg(lambda _, sent, __: again() if sent.get("event") == "submit" else None)
    controls = row(line, button("Run", again, icon="play", tip="Run it in both"))
    shown = View("Host and container", controls, row(*boxes.values()), picture)
    again()
    return shown


def to_html(command: str, host: Seen, inside: Seen, text: str) -> Markup:
    """Return both outputs, with what is in one of them alone marked."""
    ours, theirs = marked(host.text, inside.text)
    return page(
        element("p", text, role="status"),
        element(
            "div",
            _side("On the host", command, ours, host.code),
            _side("In the container", command, theirs, inside.code),
            class_="cfs-beside",
        ),
        element("p", _LEGEND, class_="cfs-faint"),
    )


def explain(
    kinds: Namespace, changed: Namespace, forced: Namespace, command: str
) -> str:
    """Say what the last change did, in the terms of the kernel."""
    said = [_about(kind, kinds, command) for kind in MEANING if kind in changed]
    if not said and kinds:
        own = ", ".join(MEANING[kind][0] for kind in MEANING if kind in kinds)
        said = [f"It has to itself: {own}."]
    if not kinds:
        said += ["With no namespace of its own it is an ordinary process of the host."]
    if forced:
        said += [f"{forced} cannot be left out: without it, only root may."]
    return " ".join(said)


def _about(kind: Namespace, kinds: Namespace, command: str) -> str:
    subject, shows_it = MEANING[kind]
    tip = "" if shows_it.split()[0] in command else f"  Try: {shows_it}"
    if kind == Namespace.MNT and kind not in kinds and Namespace.PID in kinds:
        return (
            "The mounts are the host's now, /proc among them: ps reads that one, "
            "and lists the host's processes."
        )
    if kind == Namespace.PID and kind not in kinds:
        return (
            "PID is shared with the host now: the numbers of processes, and with them "
            f"what /proc shows.  So ps lists the host's processes.{tip}"
        )
    if kind not in kinds:
        return f"{kind} is shared with the host now: {subject}.{tip}"
    if kind == Namespace.PID and Namespace.MNT not in kinds:
        return (
            "It has pids of its own, but without MNT no /proc of its own: "
            "ps reads the host's, and lists the host's processes."
        )
    if kind == Namespace.MNT and Namespace.PID in kinds:
        return "It has mounts of its own, and so a /proc that shows its own processes."
    return f"{kind} is its own now: {subject}.{tip}"


def _side(title: str, command: str, text: Markup, code: int) -> Markup:
    note = element("p", f"exit code {code}", class_="cfs-faint") if code else join()
    return element(
        "div", element("h4", title), output(text, f"{title}: {command}"), note
    )
