"""One end of an ICE session with aioice, run in a home by test_ice.py. It talks to the test in
JSON lines: prints its candidates, reads the other end's, prints what it found and received."""

import asyncio
import json
import sys

import aioice


async def read_line():
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def say(**what):
    print(json.dumps(what), flush=True)


async def main():
    setting = json.loads(sys.argv[1])
    connection = aioice.Connection(
        ice_controlling=setting["controlling"], components=1, stun_server=tuple(setting["server"]),
        turn_server=tuple(setting["server"]), turn_username=setting["user"],
        turn_password=setting["password"], use_ipv6=False)
    await connection.gather_candidates()
    say(username=connection.local_username, password=connection.local_password,
        candidates=[candidate.to_sdp() for candidate in connection.local_candidates])
    remote = json.loads(await read_line())
    for line in remote["candidates"]:
        await connection.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await connection.add_remote_candidate(None)
    connection.remote_username = remote["username"]
    connection.remote_password = remote["password"]
    await connection.connect()
    pair = connection._nominated[1]  # pylint: disable=protected-access
    say(local=pair.local_candidate.type, remote=pair.remote_candidate.type)
    for number in range(setting["packets"]):
        await connection.send(f"{setting['name']} {number}".encode())
        await asyncio.sleep(0.005)
    received = []
    for _ in range(setting["packets"]):
        received.append((await asyncio.wait_for(connection.recv(), 10)).decode())
    say(received=received)
    await read_line()  # the other end has all of it too
    await connection.close()


asyncio.run(main())
