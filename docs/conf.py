"""Sphinx's settings for the documents' site, which ``make docs`` builds: the same pages that the forge shows."""

import re
from configparser import ConfigParser
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
_setup = ConfigParser()
_setup.read(ROOT / "setup.cfg")

project = _setup["metadata"]["name"]
version = release = _setup["metadata"]["version"]
extensions = ["myst_parser"]
# The source is the project's folder, so that a link such as ../README.md leads to the same page here and on the forge.
include_patterns = ["docs/*.md", "*.md"]
exclude_patterns = [".venv*", ".git", "build"]  # not looked into
root_doc = "docs/README"  # which the forge shows for the folder

myst_heading_anchors = 4
# Replies in JSON are shortened by "…", which is no JSON.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"{project} {release}"
html_extra_path = ["site"]
html_copy_source = False
html_show_copyright = False

_PAGE = re.compile(r"\[([^\[\]]+)\]\(([^):#]+)\.md\)")
_LINK = re.compile(r"\[([^\[\]]+)\]\(([^):#]+)\)")


def prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """Change a page where the site cannot have it as the forge does: links to folders, and to pages that are not in the
    site, are plain text, and the first page has a table of contents, of the pages that it links to."""

    def linked(found: re.Match[str]) -> str:
        target = (ROOT / name).parent / found[2]
        page = target.resolve().relative_to(ROOT).with_suffix("").as_posix()
        beyond = target.is_dir() or (target.exists() and target.suffix == ".md" and page not in app.env.found_docs)
        return found[1] if beyond else found[0]

    source[0] = _LINK.sub(linked, source[0])
    if name == root_doc:
        pages = [f"{title} <{page}>" for title, page in _PAGE.findall(source[0])]
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def setup(app: Sphinx) -> None:
    """Let Sphinx call ``prepare`` for each page."""
    app.connect("source-read", prepare)
