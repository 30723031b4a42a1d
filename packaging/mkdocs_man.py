"""mkdocs hook: the manual pages, rendered from their mdoc source, as pages of the site (needs mandoc)."""
import re
import subprocess
from pathlib import Path

from mkdocs.structure.files import File

MAN = re.compile(r"\.[1-8]$")


def quote(paragraph):
    """mandoc indents what belongs to a term by tabs, which Markdown takes for code; examples are code."""
    if paragraph.lstrip("\n").startswith("\t") and not re.match(r"\t+\$ ", paragraph.lstrip("\n")):
        return re.sub(r"^\t+", lambda m: "> " * len(m.group()), paragraph, flags=re.M)
    return paragraph


def on_files(files, config):
    for page in sorted(Path(config["docs_dir"], "man").iterdir()):
        if MAN.search(page.name):
            text = subprocess.run(["mandoc", "-T", "markdown", str(page)], check=True, capture_output=True,
                                  encoding="utf-8").stdout
            title = re.sub(r"\.([1-8])$", r"(\1)", page.name)
            # The first line and the last are the page header and footer of the terminal.
            body = "\n".join(text.rstrip("\n").split("\n")[1:-1])
            # Sections below the page's own heading.
            body = re.sub(r"^(#+) ", r"#\1 ", body, flags=re.M)
            body = "\n\n".join(quote(p) for p in body.split("\n\n"))
            files.append(File.generated(config, f"man/{page.name}.md", content=f"# {title}\n{body}\n"))
    return files


def on_page_markdown(markdown, **_kwargs):
    """A link to the source of a manual page leads to the rendered one."""
    return re.sub(r"\]\((man/[a-z-]+\.[1-8])\)", r"](\1.md)", markdown)
