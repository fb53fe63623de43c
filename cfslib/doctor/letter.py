"""letter: one page about this machine, to mail before a class.

It names neither you nor your machine: no user, no host, no home directory.

    >>> text = "rm -r /home/ada/.cache/cfs  # on turing"
    >>> without(text, {"/home/ada": "~", "turing": "HOST"})
    'rm -r ~/.cache/cfs  # on HOST'
"""

import datetime
import os
import platform
import pwd
import re
import shutil
import socket
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cfslib.doctor import machine, report
from cfslib.doctor.trials import Finding
from cfslib.images import cache

PORT = 8888  # where JupyterLab answers, if nobody else does
TAKES = 30 << 20  # bytes that a rootfs takes in the cache, more or less


def letter(findings: Sequence[Finding]) -> str:
    """Return the page: what machine this is, and what was tried on it."""
    about = "\n".join(f"      {name:<16}  {state}" for name, state in _machine())
    names = _names()
    found = report.report(
        [
            Finding(
                finding.about,
                without(finding.state, names),
                without(finding.remedy, names),
                finding.fatal,
            )
            for finding in findings
        ]
    )
    today = datetime.date.today()
    title = f"cfs doctor, {today}: this page names neither you nor your machine"
    return f"{title}\n\nThe machine\n{about}\n\nWhat was tried\n{found}"


def without(text: str, names: Mapping[str, str]) -> str:
    """Return a text without certain words: for each, what stands in its place."""
    for name, other in names.items():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", other, text)
    return text


def _names() -> dict[str, str]:
    """Return what tells who we are and what the machine is called, longest first."""
    user = pwd.getpwuid(os.getuid()) if _is_in_passwd() else None
    homes = {os.environ.get("HOME", ""), user.pw_dir if user else ""}
    users = {os.environ.get("USER", ""), user.pw_name if user else ""}
    names = {home: "~" for home in homes if home.strip("/")}
    names |= dict.fromkeys(users - {"", "root"}, "USER")
    names |= {socket.gethostname(): "HOST"}
    longest_first = sorted(filter(None, names), key=len, reverse=True)
    return {name: names[name] for name in longest_first}


def _is_in_passwd() -> bool:
    return os.getuid() in {user.pw_uid for user in pwd.getpwall()}


def _machine() -> Iterator[tuple[str, str]]:
    yield "distribution", _distribution()
    yield "kernel", f"{os.uname().release} on {os.uname().machine}"
    yield "Python", platform.python_version()
    yield "around us", machine.around() or "no container"
    yield "processors", f"{len(os.sched_getaffinity(0))}"
    yield "memory", _megabytes(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    yield "disk", _disk(cache.directory())
    yield "browser", _browser()
    yield "ports", _port()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "has no /etc/os-release"


def _disk(place: str) -> str:
    """Say how much is free where the cache is, or will be."""
    there = next(path for path in (Path(place), *Path(place).parents) if path.exists())
    free = shutil.disk_usage(there).free
    enough = "" if free > TAKES else ": too little"
    sizes = f"{_megabytes(free)} free for the cache, which takes {_megabytes(TAKES)}"
    return f"{sizes}{enough}"


def _megabytes(size: int) -> str:
    return f"{size >> 20:,} MB"


def _browser() -> str:
    """Say what JupyterLab would open."""
    try:
        return str(getattr(webbrowser.get(), "name", "found"))
    except webbrowser.Error:
        return "none found here; open the address that JupyterLab prints"


def _port() -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return f"{PORT} is in use; JupyterLab takes the next one that is free"
    return f"{PORT} is free for JupyterLab"
