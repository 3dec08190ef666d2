import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import units


@pytest.mark.parametrize(
    ("text", "expected"), [("90 s", 90), ("5 min", 300), ("1 h", 3600), ("1.5 h", 5400), ("90s", 90), ("0.5 min", 30)]
)
def test_a_duration_is_read_as_whole_seconds(text: str, expected: int) -> None:
    assert units.seconds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("512 MB", 512), ("1 GB", 1024), ("0.5 GB", 512), ("30GB", 30720)])
def test_a_size_is_read_as_mib_and_a_gb_is_1024_of_them(text: str, expected: int) -> None:
    assert units.mebibytes(text) == expected


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (300, "without a unit; write for example 90 s"),
        ("300", "is not a duration; write for example"),
        ("5 m", "nearest: '5 min'"),
        ("5 minutes", "nearest: '5 min'"),
        ("2 hours", "nearest: '2 h'"),
        ("1 day", "unknown unit; write for example"),
        ("1.5 s", "does not come to whole seconds"),
        ("-5 s", "is not a duration"),
        ("1:30", "is not a duration"),
        ("٥ min", "is not a duration"),
        ("", "is not a duration"),
        (True, "is not a duration"),
        (None, "is not a duration"),
    ],
)
def test_what_is_no_duration_is_refused_with_what_to_write(value: object, part: str) -> None:
    with pytest.raises(ValueError, match=part.replace("(", r"\(")):
        units.seconds(value)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (1024, "without a unit; write for example 512 MB"),
        ("1 gb", "nearest: '1 GB'"),
        ("1 GiB", "nearest: '1 GB'"),
        ("512Mi", "nearest: '512 MB'"),
        ("1 TB", "unknown unit"),
        ("0.3 MB", "whole MB"),
    ],
)
def test_what_is_no_size_is_refused_with_what_to_write(value: object, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        units.mebibytes(value)


@given(st.integers(0, 10**6))
def test_a_duration_in_words_is_read_back_as_itself(value: int) -> None:
    assert units.seconds(units.duration_text(value)) == value


@given(st.integers(0, 10**6))
def test_a_size_in_words_is_read_back_as_itself(value: int) -> None:
    assert units.mebibytes(units.memory_text(value)) == value


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())))
def test_any_value_is_read_or_refused_but_never_crashes(value: object) -> None:
    for read in (units.seconds, units.mebibytes):
        with contextlib.suppress(ValueError):
            assert isinstance(read(value), int)


@given(
    st.sampled_from(sorted(units.FARGATE_MEMORY)),
    st.integers(1, 200_000) | st.integers(1, 120).map(lambda gb: gb * 1024),
)
def test_a_size_passes_exactly_if_fargate_offers_it_and_the_nearest_one_named_is_offered(vcpu: float, memory: int):
    if memory in units.FARGATE_MEMORY[vcpu]:
        units.check_fargate_memory(vcpu, memory)
        return
    with pytest.raises(ValueError, match="nearest: ") as refused:
        units.check_fargate_memory(vcpu, memory)
    for choice in str(refused.value).split("nearest: ")[1].split(" (")[0].split(" or "):
        cpu, size = choice.split(" vCPU with ")
        assert units.mebibytes(size) in units.FARGATE_MEMORY[float(cpu)]


@given(st.sampled_from(sorted(units.FARGATE_MEMORY)) | st.floats(-100, 100))
def test_a_number_of_vcpus_passes_exactly_if_fargate_offers_it(value: float) -> None:
    if value in units.FARGATE_MEMORY:
        assert units.fargate_vcpu(value) == value
        return
    with pytest.raises(ValueError, match="nearest: ") as refused:
        units.fargate_vcpu(value)
    assert float(str(refused.value).split("nearest: ")[1].split(" ")[0]) in units.FARGATE_MEMORY


def test_fargate_offers_what_its_documentation_says() -> None:
    # Smallest, largest and number of memory sizes, from the table "Task CPU and memory".
    table = {vcpu: (sizes[0] / 1024, sizes[-1] / 1024, len(sizes)) for vcpu, sizes in units.FARGATE_MEMORY.items()}
    assert table == {
        0.25: (0.5, 2, 3), 0.5: (1, 4, 4), 1: (2, 8, 7), 2: (4, 16, 13),
        4: (8, 30, 23), 8: (16, 60, 12), 16: (32, 120, 12),
    }  # fmt: skip


def test_a_memory_that_another_number_of_vcpus_has_is_offered_with_it() -> None:
    with pytest.raises(
        ValueError, match=r"nearest: 0.25 vCPU with 2 GB or 0.5 vCPU with 4 GB \(0.25 vCPU: 512 MB, 1 GB, 2 GB"
    ):
        units.check_fargate_memory(0.25, 4096)
