"""tls.py - certificates of the test's own authorities, and servers that show them.

SPDX-License-Identifier: MIT
"""
import pathlib
import ssl
import subprocess

from harness.runner import Skipped

CERTIFICATES = pathlib.Path(__file__).resolve().parents[2] / "servers" / "certificates"


def certificates(folder, *wanted):
    """folder/ca.crt, and NAME.crt and NAME.key for each "NAME[,OPTION]..."; the options are told at the head of the script."""
    try:
        subprocess.run([CERTIFICATES, folder, *wanted], check=True, capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise Skipped(f"openssl is needed: {missing}") from None


def server_context(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return context


class TlsPort(int):
    """A port to connect to under TLS: clients of the harness look for `tls`."""

    tls = None

    @classmethod
    def of(cls, port, context):
        made = cls(port)
        made.tls = context
        return made


def client_context(folder, name="ca"):
    """A client that believes folder/NAME.crt."""
    return ssl.create_default_context(cafile=folder / f"{name}.crt")


def arguments_of(port):
    """What asyncio's connecting functions want to know besides."""
    tls = getattr(port, "tls", None)
    return {"ssl": tls, "server_hostname": "localhost"} if tls else {}
