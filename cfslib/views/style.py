"""style: how the drawings look, in both themes of JupyterLab, elsewhere, and on paper.

Text and lines take the theme's own colours, by the names that JupyterLab gives them;
where there is no JupyterLab, they take those of the page around them.  Seven colours
stand for things.  They are those of Okabe and Ito, which people with each kind of
colour blindness can tell apart, and which look the same in both themes; a letter or a
sign always goes with them.  Each kind of namespace has one of them everywhere, in
views and in pictures; there are eight, and the last one is grey.

When the kernel of a view is gone, ipywidgets gives the view a class, and we say so.
The arrow that ipywidgets draws in a menu is black in both themes; the browser's is not.
"""

# orange, sky blue, bluish green, yellow, blue, vermilion, reddish purple
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
ON_DARK = {"#0072b2"}  # white letters are easier to read on these

# In the order in which the chapters come to them.
KINDS = ("UTS", "PID", "MNT", "USER", "NET", "IPC", "CGROUP", "TIME")
NAMESPACES = dict(zip(KINDS, (*COLOURS, "#8c8c8c"), strict=True))


def letters_on(colour: str) -> str:
    """Return black or white: what can be read on a colour."""
    return "#ffffff" if colour in ON_DARK else "#000000"


def namespace_class(kind: object) -> str:
    """Return the class of what is in the colour of a kind of namespace.

    Write the name beside the colour, for those who do not see it.

    >>> namespace_class("UTS")
    'cfs-ns-uts'
    """
    return f"cfs-ns-{str(kind).lower()}"


def _rule(name: str, colour: str) -> str:
    letters = letters_on(colour)
    return f".{name} {{ background: {colour}; fill: {colour}; color: {letters}; }}"


_BADGES = "\n".join(
    [_rule(f"cfs-colour-{number}", colour) for number, colour in enumerate(COLOURS)]
    + [_rule(namespace_class(kind), colour) for kind, colour in NAMESPACES.items()]
)

SHEET = f"""
.cfs {{
  --cfs-text: var(--jp-content-font-color1, currentColor);
  --cfs-line: var(--jp-border-color1, #8c8c8c);
  --cfs-ground: var(--jp-layout-color0, Canvas);
  --cfs-raised: var(--jp-layout-color2, #8882);
  color: var(--cfs-text);
  font: var(--jp-content-font-size1, 14px)/1.45
    var(--jp-content-font-family, system-ui, sans-serif);
  max-width: 64rem; white-space: normal;
}}
.cfs p {{ margin: 0.4em 0; }}
.cfs h4 {{ margin: 0.7em 0 0.3em; font-size: 0.93em; color: inherit; }}
.cfs code, .cfs pre, .cfs kbd {{
  font: var(--jp-code-font-size, 13px)/1.4
    var(--jp-code-font-family, ui-monospace, monospace);
  color: inherit;
}}
.cfs pre {{ word-break: normal; overflow-x: auto; }}
.cfs .cfs-output {{
  margin: 0.2em 0; padding: 0.5em 0.7em; overflow: auto; max-height: 24em;
  border: 1px solid var(--cfs-line); border-radius: 3px; background: var(--cfs-raised);
  white-space: pre;
}}
.cfs details > pre {{
  margin: 0.2em 0 0.4em 1.1em; padding-left: 0.6em;
  border-left: 2px solid var(--cfs-line);
}}
.cfs .cfs-output details > summary {{ padding-left: 4px; font-style: italic; }}
.cfs td pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
.cfs td summary code {{ white-space: normal; overflow-wrap: anywhere; }}
.cfs td summary {{ padding-left: 1.1em; text-indent: -1.1em; }}
.cfs ul {{ margin: 0.2em 0; }}
.cfs .cfs-beside {{ display: flex; flex-wrap: wrap; gap: 0.5em 1.5em; }}
.cfs .cfs-beside > * {{ flex: 1 1 20rem; min-width: 0; }}
.cfs .cfs-wide {{ overflow-x: auto; }}
.cfs-view.jupyter-widgets-disconnected::before,
.cfs-view .jupyter-widgets-disconnected::before {{ display: none; }}
.cfs-view.jupyter-widgets-disconnected::after {{
  content: "This picture is from a kernel that has ended. Run the cell again.";
  order: -1; padding: 0.3em 0.8em; border-left: 4px solid #d55e00;
}}
.cfs-view .widget-html, .cfs-view .widget-html-content {{ min-width: 0; }}
.cfs-view .widget-radio-box label {{
  display: flex; align-items: flex-start; height: auto; white-space: normal;
}}
.cfs-view .widget-radio-box label input {{ order: -1; flex: none; align-self: auto; }}
.cfs table {{
  border-collapse: collapse; margin: 0.4em 0; font-size: 0.93em; color: inherit;
  table-layout: auto;
}}
.cfs caption {{
  text-align: left; font-weight: 600; padding: 0.3em 0; color: inherit;
}}
.cfs th, .cfs td {{
  border: 0; border-bottom: 1px solid var(--cfs-line); padding: 0.25em 0.8em 0.25em 0;
  text-align: left; vertical-align: top; max-width: none; color: inherit;
  background: none; white-space: normal;
}}
.cfs th {{ font-weight: 600; }}
.cfs mark {{
  background: none; color: inherit; font-weight: 700;
  border-left: 4px solid #e69f00; padding-left: 0.4em;
}}
.cfs .cfs-same {{ padding-left: calc(0.4em + 4px); }}
.cfs .cfs-badge {{ border-radius: 3px; padding: 0 0.4em; white-space: nowrap; }}
.cfs .cfs-as-first {{ box-shadow: inset 0 0 0 1px var(--cfs-line); }}
.cfs .cfs-faint {{ opacity: 0.8; }}
.cfs .cfs-note {{
  margin: 0.4em 0; padding: 0.4em 0.8em; border-left: 4px solid var(--cfs-line);
}}
.cfs .cfs-good {{ border-left-color: #009e73; }}
.cfs .cfs-bad {{ border-left-color: #d55e00; }}
.cfs .cfs-open {{ border-left-color: #e69f00; }}
.cfs .cfs-points {{ list-style: none; padding: 0; margin: 0.2em 0; }}
.cfs .cfs-points li {{ padding-left: 1.5em; text-indent: -1.5em; }}
.cfs .cfs-mark {{
  display: inline-block; width: 1.5em; font-weight: 700; text-indent: 0;
}}
.cfs .cfs-spoken {{
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}}
.cfs .cfs-done {{ position: relative; overflow: hidden; }}
.cfs .cfs-confetti {{ position: absolute; inset: 0; pointer-events: none; }}
.cfs .cfs-confetti i {{
  position: absolute; top: -1em; width: 0.7em; height: 0.7em; border-radius: 2px;
  animation: cfs-fall 1.6s ease-in forwards;
}}
@keyframes cfs-fall {{
  to {{ transform: translateY(14em) rotate(540deg); opacity: 0; }}
}}
@media (prefers-reduced-motion: reduce) {{ .cfs .cfs-confetti {{ display: none; }} }}
.cfs .cfs-bad pre {{ white-space: pre-wrap; margin: 0; }}
.cfs svg {{ max-width: 100%; height: auto; }}
.cfs .cfs-wide > svg {{ min-width: 36rem; }}
.cfs td > details {{ min-width: 16rem; }}
.cfs svg text {{
  fill: var(--cfs-text); font-size: 13px;
  paint-order: stroke; stroke: var(--cfs-ground); stroke-width: 5px;
}}
.cfs svg text.cfs-on {{ fill: #000000; stroke: none; }}
.cfs svg text.cfs-in {{ stroke: none; }}
.cfs svg .cfs-bold {{ font-weight: 700; }}
.cfs svg text.cfs-code {{
  font-family: var(--jp-code-font-family, ui-monospace, monospace);
}}
.cfs .cfs-wire {{ stroke: var(--cfs-text); stroke-width: 2; fill: none; }}
.cfs .cfs-wire-end {{ fill: var(--cfs-text); }}
.cfs .cfs-inverse {{ fill: var(--cfs-text); }}
.cfs svg text.cfs-on-inverse {{ fill: var(--cfs-ground); stroke: none; }}
.cfs .cfs-knot {{ stroke: var(--cfs-line); }}
.cfs circle.cfs-knot {{ stroke: var(--cfs-text); }}
.cfs .cfs-gap {{ stroke: var(--cfs-ground); stroke-width: 3px; fill: none; }}
.cfs .cfs-stroke {{ stroke: var(--cfs-line); fill: none; }}
.cfs :focus-visible, .cfs-view :focus-visible {{
  outline: 2px solid #0072b2 !important;  /* ipywidgets takes away its own */
}}
.cfs-view .widget-dropdown > select {{ appearance: auto; background-image: none; }}
{_BADGES}
@media print {{
  .cfs {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  .cfs .cfs-output {{ max-height: none; white-space: pre-wrap; }}
}}
"""
