"""200 threads over every primitive of threading, with queues, timers, sockets and a child process each; prints sums."""
import concurrent.futures
import hashlib
import queue
import random
import socket
import subprocess
import sys
import threading
import time

THREADS = 200
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3

lock, rlock, cond = threading.Lock(), threading.RLock(), threading.Condition()
door, start_line, barrier = threading.BoundedSemaphore(7), threading.Event(), threading.Barrier(THREADS)
local, inbox = threading.local(), queue.Queue(maxsize=50)
total = {"locked": 0, "recursive": 0, "inside": 0, "most": 0, "turns": 0, "timers": 0, "echoed": 0}


def under_locks(number):
    for i in range(25):
        with lock:
            seen = total["locked"]
            if i % 5 == 0:
                time.sleep(0)
            total["locked"] = seen + 1
        with rlock, rlock:
            total["recursive"] += 1
        with door:
            with lock:
                total["inside"] += 1
                total["most"] = max(total["most"], total["inside"])
            time.sleep(0)
            with lock:
                total["inside"] -= 1
    local.number = number


def in_turn(number):
    with cond:
        while total["turns"] % THREADS != number:
            cond.wait()
        total["turns"] += 1
        cond.notify_all()


def over_a_socket(number):
    ours, theirs = socket.socketpair()

    def echo():
        while data := theirs.recv(1000):
            theirs.sendall(data)
        theirs.close()

    helper = threading.Thread(target=echo)
    helper.start()
    for i in range(10):
        message = f"{number}-{i}".encode() * 20
        ours.sendall(message)
        got = b""
        while len(got) < len(message):
            got += ours.recv(1000)
        assert got == message
        with lock:
            total["echoed"] += len(got)
    ours.close()
    helper.join()


def computes(number):
    rng, digest = random.Random(number), hashlib.sha256()
    for _ in range(30):
        digest.update(str(sorted(rng.random() for _ in range(200))).encode())
    return digest.hexdigest()


def fires():
    with lock:
        total["timers"] += 1


results = {}


def work(number):
    start_line.wait()
    for turn in range(rounds):
        under_locks(number)
        if turn == 0:
            in_turn(number)
        over_a_socket(number)
        barrier.wait()
        assert local.number == number
        inbox.put((number, turn, computes(number + turn)))
    if number % 10 == 0:
        done = subprocess.run(["/bin/echo", str(number)], capture_output=True, text=True)
        results[number] = done.stdout.strip()


threads = [threading.Thread(target=work, args=(n,), name=f"worker-{n}") for n in range(THREADS)]
timers = [threading.Timer(0.01 * n, fires) for n in range(10)]
for thread in threads + timers:
    thread.start()
start_line.set()
received = sorted(inbox.get(timeout=120) for _ in range(THREADS * rounds))
for thread in threads + timers:
    thread.join()
assert 1 <= total.pop("most") <= 7
print(sorted(total.items()), sorted(results.items()))
print(hashlib.sha256(repr(received).encode()).hexdigest())

with concurrent.futures.ThreadPoolExecutor(40) as pool:
    print(hashlib.sha256("".join(pool.map(computes, range(400))).encode()).hexdigest())
