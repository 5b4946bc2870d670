#!/usr/bin/env python3
"""Reads NFQUEUEs as an inline IDS does (linux/netfilter/nfnetlink_queue.h), with fail-open, and drops each packet that holds a word.

  queue-inspector.py QUEUE|FIRST:LAST WORD      prints "dropped" for each such packet, and at its end "inspected N in queue Q"
  queue-inspector.py QUEUE --asleep             holds one packet, and never decides on it
"""

import select
import signal
import socket
import struct
import sys

NETLINK_NETFILTER = 12
NETLINK_REQUEST, NETLINK_ACK = 1, 4
SO_RCVBUFFORCE = 33
QUEUE_SUBSYSTEM = 3 << 8
PACKET, VERDICT, CONFIG = QUEUE_SUBSYSTEM, QUEUE_SUBSYSTEM | 1, QUEUE_SUBSYSTEM | 2
PACKET_HEADER, VERDICT_HEADER, PAYLOAD = 1, 2, 10
CONFIG_COMMAND, CONFIG_PARAMETERS, CONFIG_LENGTH, CONFIG_MASK, CONFIG_FLAGS = 1, 2, 3, 4, 5
BIND, COPY_PACKET, FAIL_OPEN = 1, 2, 1
DROP, ACCEPT = 0, 1
HEADERS = 20  # nlmsghdr and nfgenmsg


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x7FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def send(queue, number, kind, flags, *parts):
    body = struct.pack(">BBH", socket.AF_UNSPEC, 0, number) + b"".join(parts)
    queue.send(struct.pack("=IHHII", 16 + len(body), kind, NETLINK_REQUEST | flags, 0, 0) + body)


def open_queue(number, length):
    queue = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    queue.bind((0, 0))
    queue.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    send(
        queue, number, CONFIG, NETLINK_ACK,
        attribute(CONFIG_COMMAND, struct.pack(">BBH", BIND, 0, 0)),
        attribute(CONFIG_LENGTH, struct.pack(">I", length)),
        attribute(CONFIG_MASK, struct.pack(">I", FAIL_OPEN)),
        attribute(CONFIG_FLAGS, struct.pack(">I", FAIL_OPEN)))
    (error,) = struct.unpack_from("=i", queue.recv(1 << 16), 16)
    if error:
        sys.exit(f"queue {number}: error {-error}")
    # Only from here on are there packets.
    send(queue, number, CONFIG, 0, attribute(CONFIG_PARAMETERS, struct.pack(">IB", 0xFFFF, COPY_PACKET)))
    return queue


def decide(queue, number, message, word):
    fields = dict(attributes(message[HEADERS:]))
    verdict = DROP if word in fields[PAYLOAD] else ACCEPT
    send(queue, number, VERDICT, 0, attribute(VERDICT_HEADER, struct.pack(">I", verdict) + fields[PACKET_HEADER][:4]))
    if verdict == DROP:
        print("dropped", flush=True)


def main():
    first, _, last = sys.argv[1].partition(":")
    asleep = sys.argv[2] == "--asleep"
    queues = {open_queue(number, 1 if asleep else 65536): number for number in range(int(first), int(last or first) + 1)}
    inspected = dict.fromkeys(queues.values(), 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    if asleep:
        signal.pause()
    try:
        while True:
            for queue in select.select(list(queues), [], [])[0]:
                message = queue.recv(1 << 17)
                if struct.unpack_from("=4xH", message)[0] == PACKET:
                    number = queues[queue]
                    inspected[number] += 1
                    decide(queue, number, message, sys.argv[2].encode())
    finally:
        for number, count in inspected.items():
            print(f"inspected {count} in queue {number}", flush=True)


main()
