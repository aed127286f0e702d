"""The table of Smart Energy clusters made from public sources (facts/se-clusters.json beside the published vectors)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session")
def cluster_facts():
    """Clusters by identifier, with `zcl_types`, `structs` and `gb_profile` beside them."""
    path = Path(os.environ.get("METERBENCH_SHARED", ROOT.parent / "shared")) / "facts" / "se-clusters.json"
    if not path.is_file():
        word = f"{path.name} is not here: METERBENCH_SHARED names the folder of facts/"
        if "METERBENCH_SHARED" in os.environ:
            pytest.fail(word, pytrace=False)
        pytest.skip(word)
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["by_id"] = {int(row["id"], 16): row for row in facts["clusters"]}
    return facts
