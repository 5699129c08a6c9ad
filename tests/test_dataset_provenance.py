"""Videos that say what they are: a visible mark, and a C2PA manifest that is read back."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from diffsign.dataset.provenance import (
    RENDERED_TYPE,
    SOURCE_TYPE,
    Certificate,
    check_certificate,
    marked,
    read_manifest,
    sign,
)
from diffsign.errors import UserError
from diffsign.road.record import DISCLOSURE
from diffsign.video import probe, write_video


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "video.mp4"
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(4)]
    write_video(path, frames, 25, comment=DISCLOSURE, threads=1)
    return path


@pytest.fixture
def certificate(tmp_path):
    """A test authority and a leaf that it signed, as C2PA wants them (ECDSA P-256)."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text):
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DiffSign tests")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def made(subject, issuer, key, signer, authority, issuer_key):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=9))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    not authority, False, False, False, False, authority, authority, False, False
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
            )
        )
        if not authority:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(signer, hashes.SHA256())

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = made("Test root", "Test root", root_key, root_key, True, root_key)
    leaf = made("Test signer", "Test root", key, root_key, False, root_key)
    pem = serialization.Encoding.PEM
    chain, key_file = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Certificate(chain, key_file)


@pytest.mark.parametrize(("painted", "kind"), [(True, SOURCE_TYPE), (False, RENDERED_TYPE)])
def test_a_signed_manifest_is_read_back(video, certificate, painted, kind):
    check_certificate(certificate)
    assert read_manifest(video) is None
    sign(video, "a sample", painted, certificate)
    found = read_manifest(video) or {}
    assert found["title"] == "a sample" and found["claim_generator_info"][0]["name"] == "DiffSign"
    (actions,) = (a for a in found["assertions"] if a["label"].startswith("c2pa.actions"))
    assert actions["data"]["actions"][0]["digitalSourceType"] == kind
    assert found["validation_state"] in ("Valid", "Trusted")
    assert probe(video).frame_count == 4


def test_a_video_that_was_changed_is_not_valid(video, certificate):
    sign(video, "a sample", False, certificate)
    content = bytearray(video.read_bytes())
    content[-50] ^= 255
    video.write_bytes(content)
    assert (read_manifest(video) or {})["validation_state"] == "Invalid"


def test_certificates_that_cannot_be_used(video, certificate, tmp_path):
    with pytest.raises(UserError, match=r"none\.pem"):
        check_certificate(Certificate(tmp_path / "none.pem", certificate.key))
    certificate.chain.write_text("no certificate")
    with pytest.raises(UserError, match="cannot sign"):
        sign(video, "a sample", False, certificate)
    assert probe(video).frame_count == 4


@pytest.mark.parametrize("shape", [(256, 256), (64, 48), (16, 16)])
def test_the_mark_is_seen_in_the_corner_alone(shape):
    picture = np.full((*shape, 3), 200, np.uint8)
    found = marked(picture)
    changed = np.argwhere((found != picture).any(axis=-1))
    assert len(changed) > 20 and changed[:, 0].min() > shape[0] * (0.8 if shape[0] > 99 else -1)
    assert picture.min() == 200
