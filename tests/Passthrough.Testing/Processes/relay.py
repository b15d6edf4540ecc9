#!/usr/bin/python3
"""
Carries connections from one address to another, so that a server of ours can be reached from a network namespace of its own.

    relay.py FROM TO     each tcp:PORT (on 127.0.0.1) or unix:PATH; prints "ready" and runs until it is killed
"""
import asyncio
import sys


async def copy(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.close()


async def connect(address):
    kind, _, where = address.partition(":")
    return await (asyncio.open_unix_connection(where) if kind == "unix" else asyncio.open_connection("127.0.0.1", int(where)))


async def main(source, target):
    async def carry(reader, writer):
        try:
            far_reader, far_writer = await connect(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        writer.close()
        far_writer.close()

    kind, _, where = source.partition(":")
    server = await (asyncio.start_unix_server(carry, where) if kind == "unix" else asyncio.start_server(carry, "127.0.0.1", int(where)))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
