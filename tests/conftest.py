"""How long Hypothesis looks for counterexamples: `pytest --hypothesis-profile=deep`, and so on.

- `dev`, the default: a hundred new examples a test.
- `ci`, the default where `CI` is set: the same 300 examples every time, so that a build never fails by chance.
- `deep`: 20,000 new examples a test, for the stateful suites in `make test-deep`.
- `mutants`: 300 examples, always the same: what every mutant has to survive (docs/testing.md).
"""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", deadline=None, suppress_health_check=SLOW)
settings.register_profile(
    "ci", deadline=None, suppress_health_check=SLOW, max_examples=300, derandomize=True, database=None, print_blob=True
)
settings.register_profile(
    "deep", deadline=None, suppress_health_check=SLOW, max_examples=20_000, database=None, print_blob=True
)
settings.register_profile(
    "mutants", deadline=None, suppress_health_check=SLOW, max_examples=300, derandomize=True, database=None
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
