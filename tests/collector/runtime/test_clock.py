"""Times as texts and back."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.runtime import clock

FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
"""The first and last milliseconds of years 1 to 9999."""


@given(st.integers(FIRST, LAST))
@example(FIRST)
@example(LAST)
@example(-1)
def test_a_time_s_text_is_what_the_standard_library_says_and_reads_back_as_the_time(ms: int) -> None:
    told = clock.to_text(ms)
    time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
    assert told == time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert clock.from_canonical(told) == clock.from_text(told) == ms


@pytest.mark.parametrize("ms", [FIRST - 1, LAST + 1, 10**30])
def test_a_time_no_calendar_has_is_named_in_the_error(ms: int) -> None:
    with pytest.raises(ValueError, match=f"^{ms} ms is outside"):
        clock.to_text(ms)
