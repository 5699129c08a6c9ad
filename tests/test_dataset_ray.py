"""A cluster of several nodes on this machine, one of them killed: `make test-ray`."""

import os

import pytest

from diffsign.dataset.check import content_hash
from diffsign.dataset.run import RunOptions, synthesize
from diffsign.errors import UserError

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'diffsign[ray]'")
slow = pytest.mark.skipif(
    not os.environ.get("DIFFSIGN_TEST_RAY"), reason="takes minutes: run make test-ray"
)
RECIPE = """\
name: tiny
clips:
  - handshapes: [v, y]
signers:
  - random: 3
resolution: 64
render: {samples: 1}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere"])
def test_an_address_nobody_answers_at(recipe, tmp_path, address):
    with pytest.raises(UserError, match=r"Ray|ray"):
        synthesize(recipe, tmp_path / "out", RunOptions(ray=address, quiet=True))
    assert not (tmp_path / "out").exists()


@slow
def test_a_lost_node_changes_nothing(recipe, tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    from diffsign.dataset import ray_run

    alone = tmp_path / "alone"
    synthesize(recipe, alone, RunOptions(workers=1, quiet=True))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    answered = []
    real = ray_run.RayEngine._answer

    def counted(self, reference):
        found = real(self, reference)
        answered.append(found)
        if len(answered) == 4:  # two motions, two samples: the run is in its middle
            cluster.remove_node(lost, allow_graceful=False)
        return found

    monkeypatch.setattr(ray_run.RayEngine, "_answer", counted)
    try:
        result = synthesize(recipe, tmp_path / "out", RunOptions(ray=cluster.address, quiet=True))
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert result.failed == {} and len(answered) >= 8
    assert content_hash(tmp_path / "out") == content_hash(alone)
