"""Objects of every size and life: dicts, strings, big integers, json, regular expressions, a heap, deep recursion."""
import collections
import hashlib
import heapq
import json
import random
import re
import sys
import zlib

rng = random.Random(1)
scale = int(sys.argv[1])


def words(n):
    return ["".join(rng.choices("abcdefghij", k=rng.randint(1, 30))) for _ in range(n)]


def documents():
    text = json.dumps([{"id": i, "tags": words(5), "body": " ".join(words(20)), "n": rng.random()} for i in range(4000)])
    back = json.loads(text)
    return hashlib.sha256(json.dumps(back, sort_keys=True).encode()).hexdigest()


def index():
    found = collections.defaultdict(list)
    for i, word in enumerate(words(60000)):
        found[re.sub("[aeiou]+", "-", word)].append(i)
    return len(found), sum(len(v) for v in found.values() if len(v) > 1)


def tree(depth):
    return (tree(depth - 1), depth, tree(depth - 1)) if depth else None


def count(node):
    return 1 + count(node[0]) + count(node[2]) if node else 0


def queue():
    heap = []
    for i in range(100000):
        heapq.heappush(heap, (rng.random(), i))
        if i % 3 == 0:
            heapq.heappop(heap)
    return heap[0][1]


def buffers():
    crc, kept = 0, []
    for i in range(3000):
        block = bytearray(rng.randrange(1, 300000))
        block[::7] = bytes(len(block[::7]))
        crc = zlib.crc32(block, crc)
        kept.append(block)
        if len(kept) > 50:
            kept.pop(rng.randrange(50))
    return crc


for turn in range(scale):
    print(turn, documents(), *index(), count(tree(15)), queue(), buffers(), sum(map(int, str(3 ** 8000))))
