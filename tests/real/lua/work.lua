-- Tables, strings, closures, coroutines, pattern matching.
local seed = 11
local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648; return seed % n end
for turn = 1, 8 do
  local index, parts = {}, {}
  for i = 1, 250000 do
    local key = "k" .. random(30000)
    local list = index[key] or {}
    list[#list + 1] = i
    index[key] = list
    if i % 4 == 0 then index["k" .. random(30000)] = nil end
    if i % 10 == 0 then parts[#parts + 1] = key:rep(random(5)) end
  end
  local text = table.concat(parts, " ")
  local words = select(2, text:gsub("%d+", function(d) return d .. d end))
  local sum = 0
  for i = 1, 20000 do
    local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1); return b * 2 end)
    sum = sum + co(i) + co(i)
  end
  local keys = {}
  for key in pairs(index) do keys[#keys + 1] = key end
  table.sort(keys)
  print(turn, #keys, keys[1], keys[#keys], #text, words, sum)
end
