"""09-network: cables, a bridge, a router, and the world outside."""

from cfslib.views.drawing import box, middle, picture, text, wall, wire
from cfslib.views.page import Markup


def whole() -> Markup:
    """Return two containers, the host between them and the world, and the outside."""
    return picture(
        262,
        "Four network namespaces.  Two containers, a and b, each have an interface "
        "eth0.  A cable leads from each to a port on the host, and both ports belong "
        "to a bridge, br0.  By a third interface, wan, the host is joined to outside.  "
        "Between br0 and wan it forwards and masquerades.",
        wall("NET", 14, 34, 146, 86),
        text(28, 68, "a"),
        wall("NET", 14, 158, 146, 86),
        text(28, 192, "b"),
        wall("NET", 246, 34, 236, 210),
        middle(396, 66, "the host"),
        wall("NET", 562, 88, 84, 104),
        middle(602, 176, "outside", "small"),
        wire((176, 85), (226, 85)),
        wire((176, 209), (226, 209)),
        wire((290, 85), (330, 130)),
        wire((290, 209), (330, 164)),
        wire((384, 147), (450, 147), class_="dashed"),
        wire((514, 147), (544, 147)),
        box(112, 70, 64, 30, "eth0", "code"),
        box(112, 194, 64, 30, "eth0", "code"),
        box(226, 70, 64, 30, "to-a", "code"),
        box(226, 194, 64, 30, "to-b", "code"),
        box(320, 130, 64, 34, "br0", "code strong"),
        box(450, 132, 64, 30, "wan", "code"),
        box(544, 132, 64, 30, "eth0", "code"),
        middle(398, 194, "forwards,", "small"),
        middle(398, 214, "masquerades", "small"),
    )
