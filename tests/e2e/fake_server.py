"""TURN servers that misbehave, each on a UDP socket and a thread of its own."""

import socket
import struct
import threading

import turn_client as turn
from turn_client import Message


def refuse(code):
    """Answers every request with this error."""
    def answer(request, _):
        value = struct.pack("!HBB", 0, code // 100, code % 100) + b"no"
        attributes = [(turn.ERROR_CODE, value)]
        if code == 401:
            attributes += [(turn.REALM, b"example.org"), (turn.NONCE, b"n" * 16)]
        return Message(request.method, turn.ERROR, request.transaction, attributes)
    return answer


def relay_nothing(address, deaf_after=None):
    """Grants every request, but relays no packet; from request number `deaf_after` on it is
    silent."""
    def answer(request, number):
        if deaf_after is not None and number >= deaf_after:
            return None
        relayed = turn.xor_address((address, 50000), request.transaction)
        attributes = [(turn.XOR_RELAYED_ADDRESS, relayed), (turn.LIFETIME, struct.pack("!I", 600))]
        return Message(request.method, turn.SUCCESS, request.transaction, attributes)
    return answer


def serve(sock, answer):
    """Until the socket is closed."""
    def loop():
        number = 0
        sock.settimeout(0.2)
        while sock.fileno() >= 0:
            try:
                data, source = sock.recvfrom(2000)
                request = Message.decode(data)
            except TimeoutError:
                continue
            except (ValueError, struct.error):
                continue
            except OSError:
                return
            response = answer(request, number) if request.cls == turn.REQUEST else None
            number += 1
            if response is not None:
                sock.sendto(response.encode(), source)
    threading.Thread(target=loop, daemon=True).start()
