# Arrays, hashes, strings, symbols, structs; most die young.
Point = Struct.new(:x, :y)
turns = ARGV[0].to_i
seed = 5
sum = 0
turns.times do
  points = Array.new(20_000) do
    seed = (seed * 1103515245 + 12345) % 2147483648
    Point.new(seed % 1000, (seed >> 10) % 1000)
  end
  groups = points.group_by { |p| p.x / 10 }
  sum += groups.map { |k, v| k * v.size }.sum
  text = points.map { |p| "#{p.x}:#{p.y}" }.join(",")
  sum += text.split(",").map { |s| s.split(":").map(&:to_i).sum }.sum
  sum += points.sort_by { |p| [p.y, p.x] }.first.x
end
puts sum
