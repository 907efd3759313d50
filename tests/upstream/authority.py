"""A certificate authority for one test run, made by the `openssl` program."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Authority:
    """An authority, in its folder.

    Attributes:
        certificate: what clients have to trust.
    """

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def server(self, name: str = "IP:127.0.0.1") -> ssl.SSLContext:
        """What a server of this name uses."""
        stem = "".join(letter if letter.isalnum() else "-" for letter in name)
        openssl(
            self.folder,
            *("req", "-x509", *KEY, "-subj", "/CN=server", "-days", "2", "-addext", f"subjectAltName={name}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),  # Python 3.13 looks closely at authorities
            *("-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", f"{stem}.key", "-out", f"{stem}.pem"),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        return context

    def trusting(self) -> ssl.SSLContext:
        """What a client uses that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.certificate)


def make(folder: Path) -> Authority:
    """A new authority. Fails where there is no `openssl`."""
    openssl(
        folder,
        *("req", "-x509", *KEY, "-subj", "/CN=throw-away CA", "-days", "2"),
        *("-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.pem"),
    )
    return Authority(folder)


def openssl(folder: Path, *arguments: str) -> None:
    """Run the program there."""
    program = shutil.which("openssl")
    assert program, "the tests of TLS need the program openssl (Debian: apt-get install openssl)"
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
