"""The names in the certificate of a server come from settings of its spawner."""

from pathlib import Path

import pytest
from cryptography import x509
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.classes.tls.certificates import CertificateFolder
from plughub.spawner import Spawner
from plughub.testing.contracts.spawner import make_server


@pytest.fixture
def names_of(tmp_path):
    """Create the certificate of a server with settings, and return its names."""
    CertificateFolder(tmp_path / "ssl").prepare()

    async def names(**settings):
        certified = []

        class CertifiedSpawner(Spawner):
            async def start(self):
                self.internal_certs_location = str(tmp_path / "ssl")
                certified.append(await self.create_certs())
                return "127.0.0.1", 4321

        config = Config({"Spawner": settings})
        await SpawnerHooks("tested", CertifiedSpawner, config).hub_spawn(make_server("alice"))
        certificate = x509.load_pem_x509_certificate(Path(certified[0]["certfile"]).read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(found.get_values_for_type(x509.DNSName))

    return names


@pytest.mark.parametrize("given", [["DNS:node7"], lambda spawner: [f"DNS:{spawner.user.name}"]])
async def test_the_certificate_has_the_configured_names_only(names_of, given):
    expected = "alice" if callable(given) else "node7"
    assert await names_of(ssl_alt_names=given, ssl_alt_names_include_local=False) == {expected}


async def test_the_certificate_also_has_the_names_of_this_machine(names_of):
    assert {"node7", "localhost"} <= await names_of(ssl_alt_names=["DNS:node7"])
