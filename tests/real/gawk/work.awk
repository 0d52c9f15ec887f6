# Word counts, multi-dimensional arrays, sorting, string building, regular expressions.
{
  for (i = 1; i <= NF; i++) { count[$i]++; pair[$i, NR % 97]++; if (length($i) > 8) tail[substr($i, 5)] = tail[substr($i, 5)] i }
  gsub(/[aeiou]+/, "<&>"); bytes += length($0)
}
END {
  n = asorti(count, sorted)
  for (i = 1; i <= n; i += 997) print sorted[i], count[sorted[i]]
  for (p in pair) pairs++
  for (t in tail) tails += length(tail[t])
  print n, pairs, tails, bytes
}
