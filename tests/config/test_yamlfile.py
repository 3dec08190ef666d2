import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.yamlfile import Document, read_yaml


def read(content: str | bytes) -> tuple[Document, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.yaml")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        document, problems = read_yaml(path, "some.yaml")
    return document, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"), ("yes", "yes"), ("No", "No"), ("off", "off"), ("y", "y"), ("1:30", "1:30"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("5", 5), ("-3", -3), ("+5", 5), ("0", 0), ("0.50", 0.5), (".5", 0.5), ("2.0", 2), ("1e3", 1000),
        ("1e999", "1e999"), (".inf", ".inf"), ("'5'", "5"), ('"true"', "true"), ("5 min", "5 min"), ("!!str 5", "5"),
    ],
)  # fmt: skip
def test_a_scalar_is_read_as_the_engine_reads_it(text: str, expected: object) -> None:
    document, problems = read(f"a: {text}\n")
    assert (document.data, problems) == ({"a": expected}, [])
    assert type(document.data["a"]) is type(expected)


@pytest.mark.parametrize("text", ["010", "0777", "1_000", "0x1F", "0o17", "-007", "012345678901"])
def test_a_number_that_readers_disagree_about_is_refused_with_its_line(text: str) -> None:
    _, problems = read(f"# comment\na:\n  b: {text}\n")
    assert problems == [
        f"some.yaml:3: a.b: {text} is not the same number to all readers; write plain decimal digits, or text in quotes"
    ]


def test_a_date_without_quotes_is_refused() -> None:
    assert read("a: 2026-01-31\n")[1] == ["some.yaml:1: a: 2026-01-31 is a date to some readers; write text in quotes"]
    assert read("a: '2026-01-31'\n")[1] == []


def test_each_value_has_its_line() -> None:
    document, _ = read("a:\n  b:\n    - x\n    - y: 1\n\n  c: {d: 1,\n     e: 2}\n")
    assert document.lines == {
        (): 1, ("a",): 1, ("a", "b"): 2, ("a", "b", 0): 3, ("a", "b", 1): 4, ("a", "b", 1, "y"): 4,
        ("a", "c"): 6, ("a", "c", "d"): 6, ("a", "c", "e"): 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "some.yaml:3: a: is given twice, first in line 1"),
        ("x: {a: 1, a: 1}\n", "some.yaml:1: x.a: is given twice, first in line 1"),
        ("a:\n\tb: 1\n", "some.yaml:2: has a tab where YAML wants spaces"),
        ("", "some.yaml: is empty"),
        ("# only a comment\n", "some.yaml: is empty"),
        ("a: [1, 2\nb: 3\n", "some.yaml:2: is not valid YAML: expected ',' or ']'"),
        ("a: 1\n  b: 2\n", "some.yaml:2: is not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 1\n", "some.yaml:2: is not valid YAML: but found another document"),
        ("a: &x {b: 1}\nc: *x\n", "some.yaml:2: is not valid YAML: aliases are not read here"),
        ("a: */5 * * * *\n", "some.yaml:1: has a value that begins with *, which YAML takes for something else"),
        ("a:\n  <<: {b: 1}\n", "some.yaml:2: a: has a merge key"),
        ("a:\n  5: x\n", "some.yaml:2: a: has the key 5, which is not text; quote it"),
        ("? [a]\n: 1\n", "some.yaml:1: has a key that is not text"),
        ("a: !!python/object:os.system x\n", "some.yaml:1: a: has the tag tag:yaml.org,2002:python/object:os.system"),
        (b"a: 1\nb: \xff\n", "some.yaml:2: is not UTF-8 text"),
        (b"a: 1\nb: \x01\n", "some.yaml:2: has a character that YAML does not allow (U+0001)"),
        ("[" * 5000, "some.yaml: is nested too deeply"),
    ],
)
def test_what_is_wrong_with_the_file_is_told_with_its_line(content: str | bytes, expected: str) -> None:
    [problem] = read(content)[1]
    assert problem.startswith(expected)


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    [problem] = read_yaml(tmp_path / "none.yaml", "none.yaml")[1]
    assert str(problem) == "none.yaml: cannot be read: No such file or directory"


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read(b"\xef\xbb\xbfa: 1\n")[0].data == {"a": 1}


def test_every_duplicate_is_told_and_the_first_value_stays() -> None:
    document, problems = read("a: 1\na: 2\na: 3\n")
    assert document.data == {"a": 1}
    assert len(problems) == 2


# Beyond these characters JSON escapes in pairs, which YAML does not know.
characters = st.characters(max_codepoint=0xD7FF)
texts = st.text(characters)
numbers = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    # YAML takes simple keys of at most 1,024 characters, and JSON may write six for one.
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(characters, max_size=150), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)
@given(values)
def test_json_is_yaml_and_means_the_same(value: Any) -> None:
    document, problems = read(json.dumps({"value": value}))
    assert (document.data, problems) == ({"value": value}, [])


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="ab:-{}[],&*!|>'\"#\n\t ?%@0_1.~<", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_but_never_crash(content: bytes) -> None:
    document, problems = read(content)
    assert document.data is None or () in document.lines
    assert all(problem.startswith("some.yaml:") for problem in problems)
