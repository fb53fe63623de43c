"""Data for the views: no kernel is asked."""

from hypothesis import strategies as st

from cfslib.kernel.procfs import Mount

HOSTILE = st.text(st.sampled_from("<>&\"'a/\x00\x1b\u202e\udcff "), max_size=12)


def mount(number: int, parent: int, target: str, fstype: str = "tmpfs") -> Mount:
    return Mount(number, parent, "/", target, "rw", (), fstype, fstype, "rw")
