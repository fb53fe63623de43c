"""Which pictures there are, and where they are kept."""

from pathlib import Path

from cfslib.views.page import Markup
from tests.drawings import (
    capabilities,
    cfs_run,
    cgroups,
    chroot,
    enter,
    hostname,
    images,
    mount,
    network,
    pid,
    seccomp,
    start,
    strips,
    users,
)

IMAGES = Path(__file__).parents[2] / "notebooks/images"


def drawn() -> dict[str, Markup]:
    """Return every picture, by the name of its file."""
    return {
        **{f"{n}-strip.svg": strips.strip(n) for n in strips.CHAPTERS},
        "00-two-views.svg": start.two_views(),
        "01-two-names.svg": hostname.two_names(),
        "01-owners.svg": hostname.owners(),
        "02-number-one.svg": pid.number_one(),
        "02-levels.svg": pid.levels(),
        "03-who-sees-it.svg": mount.who_sees_it(),
        "03-two-tables.svg": mount.two_tables(),
        "03-wires.svg": mount.wires(),
        "04-way-out.svg": chroot.way_out(),
        "04-trap.svg": chroot.trap(),
        "04-pivot.svg": chroot.pivot(),
        "05-run-and-become.svg": cfs_run.run_and_become(),
        "06-rulers.svg": users.rulers(),
        "07-a-tree.svg": cgroups.a_tree(),
        "08-parts.svg": images.parts(),
        "09-network.svg": network.whole(),
        "10-five-sets.svg": capabilities.five_sets(),
        "11-filter.svg": seccomp.between(),
        "12-way-in.svg": enter.way_in(),
        "20-cost.svg": start.cost(),
        "host-and-container.svg": start.readme(),
        "rooms.svg": cfs_run.rooms(),
    }
