"""Objects of all kinds that come and go: numbers, strings, dictionaries, JSON, regular expressions, classes."""
import json
import re
import sys


class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None


def insert(root, key):
    while True:
        side = "left" if key < root.key else "right"
        if getattr(root, side) is None:
            setattr(root, side, Node(key))
            return
        root = getattr(root, side)


def turn(seed):
    numbers = [(seed * 40503 + i * 2654435761) % 2147483648 for i in range(4000)]
    root = Node(numbers[0])
    for number in numbers[1:]:
        insert(root, number)
    records = [{"id": n, "name": f"name-{n % 997}", "tags": [str(n % 7), str(n % 11)]} for n in numbers]
    text = json.dumps(records)
    words = re.findall(r"name-(\d+)", text)
    index = {}
    for position, word in enumerate(words):
        index.setdefault(word, []).append(position)
    return sum(len(v) * int(k) for k, v in index.items()) + len(json.loads(text))


print(sum(turn(seed) for seed in range(int(sys.argv[1]))))
