"""Settings of Sphinx for the documentation site, which ``python3 dev.py docs`` builds."""
# ruff: noqa: INP001 - a script, no package

project = "plughub"
author = "the authors of plughub"
extensions = ["myst_parser"]
root_doc = "index"
highlight_language = "none"  # of indented blocks, which are commands
html_theme = "furo"
html_title = "plughub"
html_copy_source = False
html_show_copyright = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 6  # the anchors of a forge, so that links work in both places
suppress_warnings = ["myst.header"]  # a page may begin with a level below the first
html_static_path = ["_static"]
html_css_files = ["site.css"]
