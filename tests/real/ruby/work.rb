# Strings, hashes, arrays, threads, fibers, regular expressions, garbage by the megabyte.
require 'digest'
require 'json'
rng = Random.new(3)
word = -> { Array.new(2 + rng.rand(10)) { (97 + rng.rand(20)).chr }.join }

3.times do |turn|
  index = Hash.new { |h, k| h[k] = [] }
  60_000.times { |i| index[word.call] << i }
  json = JSON.generate(index.sort.to_h)
  back = JSON.parse(json)
  upper = json.gsub(/[aeiou]+/) { |m| m.upcase }
  fibers = Array.new(2000) { |i| Fiber.new { Fiber.yield i; i * 2 } }
  sum = fibers.sum { |f| f.resume + f.resume }
  threads = Array.new(8) { |t| Thread.new { (1..20_000).map { |i| "#{t}-#{i}" }.sort.first } }
  puts [turn, back.size, Digest::SHA256.hexdigest(upper), sum, threads.map(&:value).join(',')].join(' ')
  GC.start
  GC.compact if GC.respond_to?(:compact)
end
