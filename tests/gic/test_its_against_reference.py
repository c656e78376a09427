"""Whatever is done to them, the ITS and the reference model can't be told apart.

After each step signals, registers, mappings, LPIs, memory and the number of ignored commands must
agree. At any point the GIC may be replaced by a fresh one that took on its state, or may go on from
what a VMM saved: registers, and tables in memory.
"""

from __future__ import annotations

from random import Random

import hypothesis.strategies as st
from hypothesis import given

from tests.gic import its_steps


@given(random=st.randoms(use_true_random=False))
def test_the_its_and_the_reference_model_agree(random: Random) -> None:
    its_steps.run(random, step_count=40)
