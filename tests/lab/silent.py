#!/usr/bin/env python3
"""Servers that misbehave: silent, resetting, garbled, slow, or deaf to SYN.

usage: silent.py CONFIG.json
CONFIG is a list of {address, port, play, chain, key, body}; `chain` is null for plain TCP.
"""
import asyncio
import json
import socket
import ssl
import struct
import sys

BANNER = b"SSH-2.0-OpenSSH_9.2p1 Lab\r\n"
# A handshake record of a length that TLS does not allow.
GARBAGE = b"\x16\x03\x03\xff\xff" + bytes(range(200))
SLOW_STEPS, SLOW_PAUSE = 20, 0.1


async def drain_until_closed(reader):
    while await reader.read(4096):
        pass


async def read_request(reader):
    """The path of an HTTP/1.1 request, or None if the peer went away."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    words = head.split(b" ", 2)
    return words[1] if len(words) == 3 else b"/"


async def silent(reader, writer, _body):
    await drain_until_closed(reader)


async def reset(reader, writer, _body):
    """Close with RST, once the peer has said something (so that its connect succeeded)."""
    await reader.read(1)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def banner(reader, writer, _body):
    writer.write(BANNER)
    await writer.drain()
    await drain_until_closed(reader)


async def garbage(reader, writer, _body):
    await reader.read(4096)
    writer.write(GARBAGE)
    await writer.drain()
    await drain_until_closed(reader)


async def bare_lf(reader, writer, body):
    """A page whose head ends its lines with LF alone."""
    if await serve_missing(path := await read_request(reader), writer) or path is None:
        return
    writer.write(b"HTTP/1.1 200 OK\nContent-Type: text/html\nConnection: close\n\n" + body)
    await writer.drain()


async def slow(reader, writer, body):
    """A page that takes SLOW_STEPS * SLOW_PAUSE seconds to arrive."""
    if await serve_missing(path := await read_request(reader), writer) or path is None:
        return
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                 % len(body))
    step = -(-len(body) // SLOW_STEPS)
    for at in range(0, len(body), step):
        writer.write(body[at:at + step])
        await writer.drain()
        await asyncio.sleep(SLOW_PAUSE)


async def serve_missing(path, writer):
    """Everything but / is 404: robots.txt and icons must not be garbled too."""
    if path in (None, b"/"):
        return False
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    return True


PLAYS = {f.__name__: f for f in (silent, reset, banner, garbage, bare_lf, slow)}


def handler(play, body):
    async def handle(reader, writer):
        try:
            await PLAYS[play](reader, writer, body)
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
    return handle


def blackhole(address, port):
    """A listener whose queue is full and never emptied: Linux drops every further SYN.

    Returns the sockets that must stay open for it to stay so.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(0)
    kept = [listener]
    for _ in range(8):
        filler = socket.socket()
        filler.settimeout(0.2)
        try:
            filler.connect((address, port))
        except TimeoutError:
            filler.close()
            return kept
        kept.append(filler)
    raise SystemExit(f"the kernel still accepts connections to {address}:{port}")


async def main(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    kept = []
    for item in config:
        if item["play"] == "blackhole":
            kept += blackhole(item["address"], item["port"])
            continue
        context = None
        if item["chain"]:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(item["chain"], item["key"])
            context.set_alpn_protocols(["http/1.1"])
        kept.append(await asyncio.start_server(handler(item["play"], item["body"].encode()), item["address"],
                                               item["port"], ssl=context, backlog=1024))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
