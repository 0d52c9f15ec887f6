// Boxes, strings, hash maps, channels and scoped threads on the system allocator.
use std::collections::{BTreeMap, HashMap};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

struct Random(u64);
impl Random {
    fn next(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

enum Tree { Leaf, Node(Box<Tree>, String, Box<Tree>) }
fn grow(depth: u32, r: &mut Random) -> Tree {
    if depth == 0 { return Tree::Leaf; }
    let left = Box::new(grow(depth - 1, r));
    Tree::Node(left, "x".repeat(r.next(60) as usize), Box::new(grow(depth - 1, r)))
}
fn weigh(t: &Tree) -> usize {
    match t { Tree::Leaf => 1, Tree::Node(l, s, r) => weigh(l) + s.len() + weigh(r) }
}

fn main() {
    let (send, receive) = mpsc::channel::<Vec<String>>();
    let totals = Arc::new(Mutex::new(BTreeMap::new()));
    let workers: Vec<_> = (0..4u64).map(|n| {
        let (send, totals) = (send.clone(), totals.clone());
        thread::spawn(move || {
            let mut r = Random(n + 1);
            let mut map: HashMap<String, Vec<u64>> = HashMap::new();
            for i in 0..400_000u64 {
                map.entry(format!("key{}", r.next(20_000))).or_default().push(i);
                if i % 5 == 0 { map.remove(&format!("key{}", r.next(20_000))); }
                if i % 1000 == 0 { send.send((0..50).map(|k| format!("{}-{}-{}", n, i, k)).collect()).unwrap(); }
            }
            let weight = weigh(&grow(16, &mut r));
            totals.lock().unwrap().insert(n, (map.len(), map.values().map(|v| v.len()).sum::<usize>(), weight));
        })
    }).collect();
    drop(send);
    let bytes: usize = receive.iter().map(|batch| batch.iter().map(|s| s.len()).sum::<usize>()).sum();
    for w in workers { w.join().unwrap(); }
    println!("{} {:?}", bytes, totals.lock().unwrap());
}
