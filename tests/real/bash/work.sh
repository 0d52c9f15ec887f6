# Arrays, associative arrays, string surgery, command substitution, here-documents: a shell's own heap.
declare -A index
seed=1
for ((i = 0; i < 60000; i++)); do
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  key=k$((seed % 5000))
  index[$key]+="$i,"
  list[i % 3000]=${index[$key]//1/one}
done
sum=0
for key in "${!index[@]}"; do sum=$((sum + ${#index[$key]})); done
text=${list[*]}
echo "${#index[@]} $sum ${#text}"
for ((i = 0; i < 300; i++)); do
  value=$(cat <<END
$i ${list[i]:0:50}
END
  )
  out+=$value
done
echo "${#out}"
