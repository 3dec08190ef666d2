"""JUnit's XML, which build servers show: a test case for every finding, and one for the evaluation itself."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from policies.reports.entries import Entry


def render(stack: str, entries: Sequence[Entry]) -> str:
    suite = ElementTree.Element("testsuite", name=f"policies of {stack}", tests=str(len(entries) + 1), errors="0")
    _case(suite, stack, "the policies were evaluated")
    failures = skipped = 0
    for entry in entries:
        case = _case(suite, stack, f"{entry.policy}: {entry.resource}")
        if entry.place:
            case.attrib |= {"file": entry.place.file, "line": str(entry.place.line)}
        if entry.level == "mandatory":
            failures += 1
            told = ElementTree.SubElement(case, "failure", type=entry.policy, message=_clean(entry.message))
            told.text = _clean(f"{entry.message}\n{entry.rule.steps if entry.rule else ''}\n{entry.urn}")
        elif entry.exemption:
            skipped += 1
            ElementTree.SubElement(case, "skipped", message=_clean(f"exempt: {entry.exemption}"))
        else:
            ElementTree.SubElement(case, "system-out").text = _clean(f"{entry.level}: {entry.message}")
    suite.attrib |= {"failures": str(failures), "skipped": str(skipped)}
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, stack: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=f"policies.{_clean(stack)}", name=_clean(name))


def _clean(text: str) -> str:
    """Without characters that XML has no way to write."""
    return "".join(one for one in text if one in "\t\n" or ord(one) >= 0x20)
