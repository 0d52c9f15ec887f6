# redis-benchmark for speed (its figures are dropped), then fixed commands, and the digest of everything in the server.
redis-benchmark -h 127.0.0.1 -p "$PORT" -n 100000 -r 10000 -c 20 -P 8 --threads 2 -q -t set,get,incr,lpush,rpop,sadd,hset,zadd,mset \
  >/dev/null
redis-cli -p "$PORT" flushall
awk 'BEGIN {
  for (i = 0; i < 120000; i++) {
    k = (i * 7919) % 5003
    print "SET s" k " " sprintf("%0*d", i % 500, i)
    print "HSET h" k % 101 " f" i % 997 " " i
    print "RPUSH l" k % 53 " v" i
    print "ZADD z" k % 31 " " i % 1009 " m" i % 3001
    if (i % 5 == 0) print "DEL s" (k * 3) % 5003
    if (i % 11 == 0) print "LPOP l" k % 53
    print "APPEND a" k % 211 " " i
  }
}' | redis-cli -p "$PORT" --pipe | grep -E 'errors: |replies'
redis-cli -p "$PORT" debug digest
redis-cli -p "$PORT" dbsize
redis-cli -p "$PORT" bgsave >/dev/null   # a forked child that walks the heap
while [ "$(redis-cli -p "$PORT" info persistence | tr -d '\r' | sed -n 's/^rdb_bgsave_in_progress://p')" != 0 ]; do sleep 0.1; done
redis-cli -p "$PORT" info persistence | tr -d '\r' | grep rdb_last_bgsave_status
redis-cli -p "$PORT" debug reload
redis-cli -p "$PORT" debug digest
