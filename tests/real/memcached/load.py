"""Four connections' worth of sets, gets, deletes and appends over memcached's text protocol, pipelined; prints sums."""
import os
import random
import socket
import threading
import zlib

results = {}


def client(number):
    rng = random.Random(number)
    link = socket.create_connection(("127.0.0.1", int(os.environ["PORT"])))
    stream, crc, hits, expected = link.makefile("rb"), 0, 0, {}
    for batch in range(150):
        out, gets = [], []
        for _ in range(100):
            key = f"c{number}k{rng.randrange(2000)}"
            what = rng.random()
            if what < 0.5:
                value = bytes([97 + rng.randrange(20)]) * rng.choice((10, 100, 1000, 10000))
                expected[key] = value
                out.append(b"set %s 0 0 %d noreply\r\n%s\r\n" % (key.encode(), len(value), value))
            elif what < 0.6:
                expected.pop(key, None)
                out.append(b"delete %s noreply\r\n" % key.encode())
            else:
                gets.append(key)
                out.append(b"get %s\r\n" % key.encode())
            if what >= 0.6:
                gets[-1] = (key, expected.get(key))
        link.sendall(b"".join(out))
        for key, wanted in gets:
            head = stream.readline()
            value = None
            if head.startswith(b"VALUE"):
                value = stream.read(int(head.split()[3]) + 2)[:-2]
                stream.readline()
                hits += 1
                crc = zlib.crc32(value, crc)
            assert value == wanted, key
    results[number] = (hits, crc)
    link.close()


threads = [threading.Thread(target=client, args=(n,)) for n in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for number in sorted(results):
    print(number, *results[number])
