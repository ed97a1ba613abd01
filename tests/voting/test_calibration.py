from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.calibration import VALUES, band, calibrated_agreement, interpolate

shares = st.floats(0, 1)


@given(
    shares,
    shares,
    st.none() | shares,
    st.sampled_from(["code", "value", "text", "calls"]),
    st.sampled_from(["behaviour", "structure", "exact", "similarity", "quality"]),
)
def test_it_is_a_probability_that_grows_with_the_share(
    share: float, support: float, passed: float | None, kind: str, strategy: str
) -> None:
    found = calibrated_agreement(kind, strategy, share, support, passed)
    assert 0 <= found <= 1
    assert calibrated_agreement(kind, strategy, min(1.0, share + 0.1), support, passed) >= found


def test_passing_every_example_says_more_than_agreeing() -> None:
    alone = calibrated_agreement("code", "behaviour", 0.2, 0.2, 1.0)
    crowd = calibrated_agreement("code", "behaviour", 1.0, 1.0, 0.5)
    assert alone > 0.5 > crowd


def test_what_was_not_measured_is_the_share() -> None:
    assert (
        calibrated_agreement("text", "structure", 0.6, 0.3, None)
        == calibrated_agreement("calls", "exact", 0.6, None, None)
        == 0.6
    )


@pytest.mark.parametrize(("share", "right"), VALUES)
def test_values_follow_the_table(share: float, right: float) -> None:
    assert interpolate(VALUES, share) == pytest.approx(right)


def test_bands_are_words_for_it() -> None:
    assert [band(at) for at in (0.0, 0.39, 0.4, 0.74, 0.75, 1.0)] == ["low", "low", "medium", "medium", "high", "high"]
