"""Sphinx builds docs/ as a site: `make docs`, then open build/docs/index.html. No page needs a network."""

import re
import shutil
import subprocess
import tomllib
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = Path(__file__).resolve().parents[1]

project = "LaserLink"
author = "The LaserLink authors"
project_copyright = f"{author}, Apache-2.0"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_static"]
# A name in backticks is code, in Python's docstrings as in Markdown.
default_role = "code"

# Anchors as GitHub makes them, so that a link works in both places.
myst_heading_anchors = 5
# Pictures that Markdown writes as <img> come along.
myst_enable_extensions = ["html_image"]
# These fences hold what a directive draws; GitHub draws them by itself.
myst_fence_as_directive = ["mermaid"]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
# Messages have fields that are called as builtins in annotations are (type); such a word is no link then.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"LaserLink {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["clauses.js"]
html_copy_source = False
html_theme_options = {
    f"{shade}_css_variables": {
        "color-brand-primary": colour,
        "color-brand-content": colour,
        "color-sidebar-link-text": "var(--color-foreground-primary)",
        "color-sidebar-link-text--top-level": "var(--color-foreground-primary)",
    }
    for shade, colour in (("light", "#b3261e"), ("dark", "#ff8a7a"))
}

# Graphviz knows colours by number only; this one is replaced by that of the text, also on a dark page.
INK = "#010203"
GRAPH = f"""digraph {{
    bgcolor=transparent; rankdir=TB; nodesep=0.4; ranksep=0.45;
    node [shape=box, style=rounded, height=0.4, fontname="sans-serif", fontsize=13];
    node [color="{INK}", fontcolor="{INK}"];
    edge [color="{INK}", fontcolor="{INK}", fontname="sans-serif", fontsize=10, arrowsize=0.7];
"""


def graph_of(diagram: str) -> str:
    """A Mermaid state diagram of plain states and arrows as Graphviz takes it; ValueError for others.

    States go down the page in their order: what leads back does not count for it, and a state to which
    nothing leads stands below the one before.
    """
    lines = [line.strip() for line in diagram.splitlines()[1:] if line.strip()]
    found = [re.fullmatch(r"(\[\*\]|\w+)(?: --> (\w+)(?:: (.*))?)?", line) for line in lines]
    if None in found:
        raise ValueError(f"neither a state nor an arrow: {lines[found.index(None)]}")
    rows = [(row[1], row[2], row[3] or "") for row in found if row]
    states = [name for name, target, _ in rows if target is None]
    drawn = ['start [shape=point, width=0.12, label=""]', *states]
    reached = {states[0]}
    for name, target, label in rows:
        if name == "[*]":
            drawn.append(f"start -> {target}")
        elif target is not None:
            back = states.index(target) < states.index(name)
            reached |= set() if back else {target}
            words = label.replace(", ", r"\n")
            drawn.append(f'{name} -> {target} [label="{words}"{", constraint=false" if back else ""}]')
    drawn += [
        f"{above} -> {below} [style=invis]" for above, below in pairwise(states) if below not in reached
    ]
    return GRAPH + ";\n".join(drawn) + "}"


class StateDiagram(Directive):
    """Draws a Mermaid state diagram when the site is built; without Graphviz, its source stands there."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        source = "\n".join(self.content)
        dot = shutil.which("dot")
        if dot is None:
            return [nodes.literal_block(source, source, language="text")]
        drawn = subprocess.run(
            [dot, "-Tsvg"], input=graph_of(source), capture_output=True, text=True, check=True
        )
        picture = drawn.stdout[drawn.stdout.index("<svg") :].replace(INK, "currentColor")
        page = f'<figure class="diagram" title="{escape(source.splitlines()[0])}">{picture}</figure>'
        return [nodes.raw("", page, format="html")]


def indented_parts_are_literal(
    _app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """In a docstring, an indented part after an empty line is a table or code, and stands as it is."""
    for number in range(len(lines) - 1, 0, -1):
        before = next((line for line in reversed(lines[:number]) if line), "")
        if lines[number].startswith("    ") and not lines[number - 1] and not before.startswith("    "):
            lines[number:number] = ["::", ""]


def setup(app: Any) -> None:
    app.add_directive("mermaid", StateDiagram)
    # Before napoleon, which makes lists of "Raises:" and the like.
    app.connect("autodoc-process-docstring", indented_parts_are_literal, priority=400)
