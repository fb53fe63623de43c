"""08-images: what an image is made of, and which hash is where."""

from cfslib.views.drawing import arrow, box, lines, middle, picture, text
from cfslib.views.page import Markup, join


def parts() -> Markup:
    """Return a name, the manifest, the config and two layers."""
    return picture(
        290,
        "The name note:2 points to a manifest by its hash.  The manifest points to a "
        "config and to two layers, each by its hash.  The config says which command to "
        "run, and has the hashes of the layers, too.  The higher layer has a file that "
        "is in the lower one as well, and wins.",
        box(16, 118, 92, 44, "note:2", "code bold"),
        arrow((108, 140), (152, 140)),
        _file(156, 84, 150, 118, "5e1f…", "manifest"),
        lines(170, 144, "config: 9c0a…", "layer: b7d2…", "layer: 41f6…",
              class_="least code"),
        arrow((306, 122), (330, 122), (330, 62), (366, 62)),
        _file(370, 14, 274, 84, "9c0a…", "config"),
        lines(384, 64, "Cmd: cat /note", "diff_ids: b7d2… 41f6…", class_="least code"),
        arrow((306, 150), (366, 150)),
        _file(370, 116, 274, 62, "41f6…", "layer"),
        text(384, 166, "note  secret", "least code"),
        arrow((306, 178), (330, 178), (330, 228), (366, 228)),
        _file(370, 196, 274, 62, "b7d2…", "layer"),
        text(384, 246, "bin/sh  bin/cat  lib/…  note", "least code"),
        middle(507, 280, "each file is called as its hash", "small soft"),
    )  # fmt: skip


def _file(
    x: float, y: float, width: float, height: float, hash_: str, kind: str
) -> Markup:
    return join(
        box(x, y, width, height),
        text(x + 14, y + 26, hash_, "code bold"),
        text(x + 72, y + 26, kind, "small"),
    )
