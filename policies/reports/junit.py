"""JUnit's XML, which build servers show: a test case for every rule or, of one that is broken, for every finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from xml.etree import ElementTree

from policies.reports.entries import Entry
from policies.rules import RULES


def render(stack: str, entries: Sequence[Entry]) -> str:
    found = defaultdict[str, list[Entry]](list)
    for entry in entries:
        found[entry.policy].append(entry)
    suite = ElementTree.Element("testsuite", name=f"policies of {stack}")
    tests = failures = skipped = 0
    for name in dict.fromkeys([*(rule.id for rule in RULES), *found]):
        for entry in found[name] or [None]:
            tests += 1
            case = ElementTree.SubElement(suite, "testcase", classname=f"policies.{stack}", name=name)
            if entry is None:
                continue
            case.set("name", f"{name}: {entry.resource}")
            if entry.place:
                case.set("file", entry.place.file)
                case.set("line", str(entry.place.line))
            if entry.level == "mandatory":
                failures += 1
                told = ElementTree.SubElement(case, "failure", type=name, message=_clean(entry.message))
                told.text = _clean(f"{entry.message}\n{entry.rule.steps if entry.rule else ''}")
            elif entry.exemption:
                skipped += 1
                ElementTree.SubElement(case, "skipped", message=_clean(f"exempt: {entry.exemption}"))
            else:
                ElementTree.SubElement(case, "system-out").text = _clean(f"{entry.level}: {entry.message}")
    suite.attrib |= {"tests": str(tests), "failures": str(failures), "skipped": str(skipped), "errors": "0"}
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    """Without characters that XML has no way to write."""
    return "".join(one for one in text if one in "\t\n" or ord(one) >= 0x20)
