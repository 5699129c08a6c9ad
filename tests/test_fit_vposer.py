"""VPoser as a pose prior: both published networks, with random weights, against their layers."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from diffsign.errors import UserError
from diffsign.retarget.fit.vposer import load_vposer, vposer_cost


class Ranges(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar = nn.Linear(512, 32), nn.Linear(512, 32)

    def forward(self, values):
        return self.mu(values)


def unlike_new(network):
    """Batch norms that have seen data, with every weight at random."""
    torch.manual_seed(0)
    for name, values in network.state_dict().items():
        if values.is_floating_point():
            low = 0.5 if "var" in name else -0.1
            values.copy_(low + 0.2 * torch.rand_like(values))
    return network.eval()


def second():
    """Version 2, layer by layer."""
    return unlike_new(
        nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(63),
            nn.Linear(63, 512),
            nn.LeakyReLU(),
            nn.BatchNorm1d(512),
            nn.Dropout(0.1),
            nn.Linear(512, 512),
            nn.Linear(512, 512),
            Ranges(),
        )
    )


class First(nn.Module):
    """Version 1."""

    def __init__(self):
        super().__init__()
        self.bodyprior_enc_bn1, self.bodyprior_enc_bn2 = nn.BatchNorm1d(63), nn.BatchNorm1d(512)
        self.bodyprior_enc_fc1, self.bodyprior_enc_fc2 = nn.Linear(63, 512), nn.Linear(512, 512)
        self.bodyprior_enc_mu, self.bodyprior_enc_logvar = nn.Linear(512, 32), nn.Linear(512, 32)

    def forward(self, values):
        values = self.bodyprior_enc_fc1(self.bodyprior_enc_bn1(values.flatten(1)))
        values = self.bodyprior_enc_bn2(nn.functional.leaky_relu(values, 0.2))
        values = nn.functional.leaky_relu(self.bodyprior_enc_fc2(values), 0.2)
        return self.bodyprior_enc_mu(values)


def saved(folder, version):
    """A network and where it was saved, as it is published."""
    if version == 1:
        network, path = unlike_new(First()), folder / "snapshots" / "TR00_E096.pt"
        state = {f"module.{name}": values for name, values in network.state_dict().items()}
    else:
        network, path = second(), folder / "snapshots" / "V02_05.ckpt"
        own = network.state_dict().items()
        state = {"state_dict": {f"vp_model.encoder_net.{name}": values for name, values in own}}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    return network, path


@pytest.mark.parametrize("version", [1, 2])
def test_the_code_is_the_networks_own(tmp_path, version):
    network, path = saved(tmp_path, version)
    pose = torch.randn(5, 21, 3, generator=torch.Generator().manual_seed(1))
    for place in (path, tmp_path):
        prior = load_vposer(place)
        with torch.no_grad():
            np.testing.assert_allclose(prior.code(pose), network(pose), rtol=2e-3, atol=2e-3)
    vectors = torch.cat([torch.ones(5, 1, 3), pose, torch.ones(5, 33, 3)], 1)
    cost = vposer_cost(prior, vectors)
    np.testing.assert_allclose(cost, (prior.code(pose) ** 2).sum(1), rtol=1e-5)


@pytest.mark.parametrize("version", [1, 2])
def test_its_jacobian_is_what_autograd_says(tmp_path, version):
    prior = load_vposer(saved(tmp_path, version)[1])
    pose = torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(2))
    expected = torch.autograd.functional.jacobian(prior.code, pose)[0, :, 0].flatten(1)
    np.testing.assert_allclose(prior.jacobian(pose)[0], expected, rtol=1e-3, atol=1e-3)


def test_what_is_no_vposer_is_refused(tmp_path):
    with pytest.raises(UserError, match="No VPoser at"):
        load_vposer(tmp_path / "missing")
    with pytest.raises(UserError, match="No VPoser at"):
        load_vposer(tmp_path)
    text = tmp_path / "text.pt"
    text.write_text("weights")
    with pytest.raises(UserError, match="cannot be read"):
        load_vposer(text)
    other = tmp_path / "other.pt"
    torch.save({"layer.weight": torch.zeros(3, 3)}, other)
    with pytest.raises(UserError, match="no VPoser of version 1 or 2"):
        load_vposer(other)
    wrong = second().state_dict()
    wrong["2.weight"] = torch.zeros(512, 126)
    torch.save({f"encoder_net.{name}": values for name, values in wrong.items()}, other)
    with pytest.raises(UserError, match="no VPoser of version 1 or 2"):
        load_vposer(other)


def ran(path):
    path.write_text("run")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return ran, (self.path,)


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "vposer.pt"
    path.write_bytes(pickle.dumps({"state_dict": Bomb(trace)}, protocol=2))
    with pytest.raises(UserError, match="cannot be read"):
        load_vposer(path)
    torch.save({"state_dict": Bomb(trace)}, path)
    with pytest.raises(UserError, match="cannot be read"):
        load_vposer(path)
    assert not trace.exists()


def test_a_fit_takes_it(tmp_path):
    """Poses end where this network finds them less unusual."""
    from diffsign.render.touch_clip import TOUCHES, touch_motion
    from diffsign.retarget.body.landmarks import landmark_points, landmarks
    from diffsign.retarget.body.load import load_body
    from diffsign.retarget.body.model import pose_vertices, shape_body
    from diffsign.retarget.fit.options import FitOptions
    from diffsign.retarget.fit.solve import fit_clip
    from diffsign.retarget.keypoints.record import Keypoints

    body = load_body("open")
    motion = touch_motion(body, np.zeros(body.beta_count), TOUCHES[:1]).part(0, 4)
    vertices, _ = shape_body(body, motion.betas)
    joints = shape_body(body, motion.betas)[1]
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans)
    places = landmark_points(landmarks(body), posed, motion.joints, motion.poses)
    parts = {
        name: np.concatenate([motion.camera.project(at), 0 * at[..., 2:], 1 + 0 * at[..., 2:]], -1)
        for name, at in places.items()
    }
    keypoints = Keypoints(fps=25.0, width=512, height=512, **parts, body_world=np.zeros((4, 33, 4)))
    _, path = saved(tmp_path, 2)
    prior = load_vposer(path)
    costs = []
    for options in (FitOptions(), FitOptions(vposer=path)):
        poses = fit_clip(keypoints, options).poses.reshape(4, 55, 3)
        assert np.isfinite(poses).all()
        costs.append(float(vposer_cost(prior, torch.from_numpy(poses).float()).mean()))
    assert costs[1] < costs[0]
