// std's own primitives, which wait by raw futex calls: channels, Mutex, Condvar, RwLock, Barrier, Once, park, scopes, sleeps.
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::{Duration, Instant};

thread_local! { static MINE: Cell<usize> = Cell::new(7); }

fn channels() -> usize {
    let (send, receive) = mpsc::sync_channel::<usize>(3);
    let workers: Vec<_> = (0..50).map(|n| {
        let send = send.clone();
        thread::spawn(move || for i in 0..200 { send.send(n * i).unwrap(); })
    }).collect();
    drop(send);
    let sum = receive.iter().sum();
    for w in workers { w.join().unwrap(); }
    let (_keep, never) = mpsc::channel::<()>();
    let begin = Instant::now();
    assert!(never.recv_timeout(Duration::from_millis(5)).is_err() && begin.elapsed() >= Duration::from_millis(5));
    sum
}

fn bounded_queue() -> usize {
    let shared = Arc::new((Mutex::new(VecDeque::new()), Condvar::new(), Condvar::new()));
    let makers: Vec<_> = (0..10).map(|n| {
        let shared = shared.clone();
        thread::spawn(move || for i in 0..300 {
            let (queue, not_empty, not_full) = &*shared;
            let mut queue = not_full.wait_while(queue.lock().unwrap(), |q: &mut VecDeque<usize>| q.len() >= 5).unwrap();
            queue.push_back(n + i);
            not_empty.notify_one();
        })
    }).collect();
    let takers: Vec<_> = (0..10).map(|_| {
        let shared = shared.clone();
        thread::spawn(move || (0..300).map(|_| {
            let (queue, not_empty, not_full) = &*shared;
            let mut queue = not_empty.wait_while(queue.lock().unwrap(), |q| q.is_empty()).unwrap();
            not_full.notify_one();
            queue.pop_front().unwrap()
        }).sum::<usize>())
    }).collect();
    for m in makers { m.join().unwrap(); }
    takers.into_iter().map(|t| t.join().unwrap()).sum()
}

fn locks() -> (usize, usize) {
    static ONCE: Once = Once::new();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let pair = RwLock::new((0usize, 0usize));
    let barrier = Barrier::new(20);
    let leaders = AtomicUsize::new(0);
    thread::scope(|s| for n in 0..20 {
        let (pair, barrier, leaders) = (&pair, &barrier, &leaders);
        s.spawn(move || {
            ONCE.call_once(|| { thread::yield_now(); RUNS.fetch_add(1, Ordering::Relaxed); });
            assert_eq!(RUNS.load(Ordering::Relaxed), 1);
            for i in 0..500 {
                if (n + i) % 5 == 0 {
                    let mut both = pair.write().unwrap();
                    both.0 += 1;
                    if i % 50 == 0 { thread::yield_now(); }
                    both.1 += 1;
                } else {
                    let both = pair.read().unwrap();
                    assert_eq!(both.0, both.1);
                }
            }
            for _ in 0..20 { if barrier.wait().is_leader() { leaders.fetch_add(1, Ordering::Relaxed); } }
            MINE.with(|m| { assert_eq!(m.get(), 7); m.set(n); });
        });
    });
    let result = (pair.read().unwrap().0, leaders.load(Ordering::Relaxed));
    result
}

fn parking() -> usize {
    let parked: Vec<_> = (0..20usize).map(|n| thread::spawn(move || { thread::park(); n })).collect();
    for t in &parked { t.thread().unpark(); }
    let begin = Instant::now();
    thread::park_timeout(Duration::from_millis(2));
    thread::sleep(Duration::from_millis(2));
    assert!(begin.elapsed() >= Duration::from_millis(2));
    parked.into_iter().map(|t| t.join().unwrap()).sum()
}

fn panics() -> bool {
    std::panic::set_hook(Box::new(|_| {}));
    let poisoned = Arc::new(Mutex::new(1));
    let theirs = poisoned.clone();
    let failed = thread::spawn(move || { let _held = theirs.lock().unwrap(); panic!("in a thread") }).join().is_err();
    failed && poisoned.is_poisoned()
}

fn sockets() -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let workers: Vec<_> = listener.incoming().take(50).map(|c| thread::spawn(move || {
            let mut c = c.unwrap();
            let mut block = [0; 100];
            loop {
                let n = c.read(&mut block).unwrap();
                if n == 0 { return; }
                c.write_all(&block[..n]).unwrap();
            }
        })).collect();
        for w in workers { w.join().unwrap(); }
    });
    let clients: Vec<_> = (0..50u8).map(|n| thread::spawn(move || {
        let mut c = TcpStream::connect(address).unwrap();
        let mut block = [0; 64];
        (0..20).map(|_| { c.write_all(&[n; 64]).unwrap(); c.read_exact(&mut block).unwrap(); block[63] as usize }).sum::<usize>()
    })).collect();
    let sum = clients.into_iter().map(|c| c.join().unwrap()).sum();
    server.join().unwrap();
    sum
}

fn computing() -> u64 {
    let workers: Vec<_> = (1..9u64).map(|n| thread::spawn(move || {
        let mut x = n;
        for _ in 0..60_000_000 { x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); }
        x
    })).collect();
    workers.into_iter().map(|w| w.join().unwrap()).fold(0, |a, b| a ^ b)
}

fn main() {
    for _ in 0..5 {
        println!("{} {} {:?} {} {}", channels(), bounded_queue(), locks(), parking(), sockets());
    }
    println!("{} {}", panics(), computing());
}
