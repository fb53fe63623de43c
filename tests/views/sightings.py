"""Processes to draw."""

from dataclasses import replace

from cfslib.isolation.namespaces import Namespace
from cfslib.observe.sightings import Sighting

HOST = Sighting(
    name="shell",
    state="S",
    levels=(100,),
    parents=(1,),
    namespaces={kind: int(kind) for kind in Namespace},
    caught=0,
)
FIRST = replace(
    HOST,
    name="<first>",
    levels=(200, 1),
    parents=(100, 0),
    namespaces=HOST.namespaces | {Namespace.PID: 7, Namespace.NET: None},
)
DEAD = replace(FIRST, name="dead", state="Z", levels=(201, 2), parents=(200, 1))
