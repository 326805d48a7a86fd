"""Limits of size: a larger file, class or function has more than one idea. Docstrings and blank lines do not
count.
"""

import ast
import io
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = {"module": 350, "class": 250, "function": 40}
OWN_IMPORTS = 25
SOURCES = [ROOT / "core/src", *sorted(ROOT.glob("plugins/*/src"))]
LAYOUT = {
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def counted_lines(text, tree):
    """Return the numbers of the lines that contain code or a comment."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


def own_modules(tree, root):
    """Return the modules of plughub and its plugins that a module imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = root / node.module.replace(".", "/")
            inner = {name.name for name in node.names if (package / f"{name.name}.py").exists()}
            found |= {f"{node.module}.{name}" for name in inner}
            if len(inner) < len(node.names):
                found.add(node.module)
    return {name for name in found if name.startswith("plughub")}


def too_large(file, root):
    """Return what exceeds a limit in a module, with its size."""
    text = file.read_text()
    tree = ast.parse(text)
    if (imports := len(own_modules(tree, root))) > OWN_IMPORTS:
        yield "imports", imports
    parts = [("module", "module", set(range(1, text.count("\n") + 2)))]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            parts.append((kind, f"{kind} {node.name}", set(range(node.lineno, node.end_lineno + 1))))
    # Counting takes long, and what has few lines with docstrings has few without them.
    parts = [(kind, what, lines) for kind, what, lines in parts if len(lines) > LINES[kind]]
    counted = counted_lines(text, tree) if parts else set()
    for kind, what, lines in parts:
        if (size := len(lines & counted)) > LINES[kind]:
            yield what, size


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.parent.name)
def test_modules_classes_and_functions_keep_the_limits_of_size(source):
    found = [
        f"{size:5} {file.relative_to(ROOT)}: {what}"
        for file in sorted(source.rglob("*.py"))
        if file.parent.name != "versions"
        for what, size in too_large(file, source)
    ]
    assert not found, "\n".join(found)
