"""proxy_protocol.py - the PROXY protocol, written and read independently of nxb's own code.

SPDX-License-Identifier: MIT
"""
import ipaddress
import socket

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(version, source, destination=("198.51.100.1", 80)):
    """The header for a connection between two (address, port)."""
    six = ":" in source[0]
    destination = ("2001:db8::1", 80) if six and ":" not in destination[0] else destination
    if version == 1:
        return f"PROXY TCP{6 if six else 4} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()
    family = socket.AF_INET6 if six else socket.AF_INET
    data = b"".join(socket.inet_pton(family, ip) for ip, _ in (source, destination))
    data += b"".join(port.to_bytes(2, "big") for _, port in (source, destination))
    return SIGNATURE + bytes([0x21, 0x21 if six else 0x11]) + len(data).to_bytes(2, "big") + data


def read(data):
    """(version, address, port) and the rest, or nothing while it is incomplete; address and port None: not known."""
    if data.startswith(b"PROXY "):
        line, end, rest = data.partition(b"\r\n")
        if not end:
            return None
        words = line.decode().split(" ")
        if words[1] == "UNKNOWN":
            return (1, None, None), rest
        _, family, source, destination, port, _ = words
        for ip in (source, destination):
            if ipaddress.ip_address(ip).version != int(family[3:]):
                raise ValueError(f"not of {family}: {line}")
        return (1, source, int(port)), rest
    if not SIGNATURE.startswith(data[:12]):
        raise ValueError(f"no PROXY header: {data[:60]}")
    if len(data) < 16 or len(data) < 16 + int.from_bytes(data[14:16], "big"):
        return None
    end = 16 + int.from_bytes(data[14:16], "big")
    if data[12] == 0x20:
        return (2, None, None), data[end:]
    size = {0x11: 4, 0x21: 16}[data[13]]
    if data[12] != 0x21 or end != 16 + 2 * size + 4:
        raise ValueError(f"an odd PROXY header: {data[:end]}")
    address = str(ipaddress.ip_address(data[16:16 + size]))
    return (2, address, int.from_bytes(data[16 + 2 * size:18 + 2 * size], "big")), data[end:]
