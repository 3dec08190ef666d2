import re
from pathlib import Path

import pytest

from components import api_document, openapi

PROJECT = Path(__file__).parent.parent.parent


def test_the_api_document_is_what_the_description_says():
    written = (PROJECT / "docs/api.md").read_text(encoding="utf-8")
    assert written == api_document.render(openapi.description(PROJECT)), "run: python -m components.api_document"


@pytest.mark.parametrize(
    "document", ["README.md", "docs/api.md", "docs/manifest.md", "docs/configuration.md", "docs/pipeline.md"]
)
def test_links_lead_to_files_that_exist(document):
    text = (PROJECT / document).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    missing = [link for link in links if not (PROJECT / document).parent.joinpath(link).exists()]
    assert missing == []


def test_the_readme_names_only_commands_that_the_makefile_has():
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(
        re.findall(r"make ([a-z]+)", re.sub(r"(?m)^[^`].*make and.*$", "", (PROJECT / "README.md").read_text()))
    )
    assert named <= targets
