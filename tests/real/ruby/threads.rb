# Threads with mutexes, queues, condition variables, thread-locals, sleeps, pipes and children; prints sums.
require 'digest'
require 'timeout'

mutex, cond, inbox = Mutex.new, ConditionVariable.new, SizedQueue.new(30)
counted = turns = 0
threads = Array.new(100) do |n|
  Thread.new do
    Thread.current[:number] = n
    200.times do |i|
      mutex.synchronize { counted += 1 }
      Thread.pass if i % 10 == 0
    end
    mutex.synchronize do
      cond.wait(mutex) until turns == n
      turns += 1
      cond.broadcast
    end
    sleep 0.001 * (n % 5)
    digest = Digest::SHA256.new
    rng = Random.new(n)
    400.times { digest << Array.new(80) { rng.rand(1000) }.sort.join(',') }
    from, to = IO.pipe
    writer = Thread.new { 10.times { |i| to.puts "#{n} #{i}" }; to.close }
    lines = from.read
    writer.join
    inbox << [n, Thread.current[:number], digest.hexdigest, lines.lines.size]
    n % 20 == 0 ? `echo #{n}`.to_i : n
  end
end
received = Array.new(100) { inbox.pop }.sort
puts threads.sum(&:value), counted, turns, Digest::SHA256.hexdigest(received.inspect)

stopped = Thread.new { sleep }
sleep 0.01
stopped.kill
puts stopped.join.inspect[0, 9], stopped.alive?
raised = Thread.new { begin; sleep; rescue ArgumentError => e; e.message; end }
Thread.pass until raised.stop?
raised.raise(ArgumentError, 'woken')
puts raised.value
puts (begin; Timeout.timeout(0.02) { sleep }; rescue Timeout::Error; 'timed out'; end)

pool = Queue.new
2000.times { |i| pool << i }
pool.close
sums = Array.new(16) { Thread.new { s = 0; while (i = pool.pop) do s += (1..i).reduce(0) { |a, b| a ^ b }; end; s } }
puts sums.sum(&:value)
