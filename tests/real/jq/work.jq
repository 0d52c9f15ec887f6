# Builds a document of 120 000 records, regroups and summarises it.
[range(120000) | {id: ., group: (. * 7919 % 503), name: "n\(. * 31 % 9973)", tags: [range(. % 5)] | map("t\(.)")}]
| group_by(.group)
| map({group: .[0].group, n: length, names: (map(.name) | unique | length), tags: (map(.tags[]) | group_by(.) | map({(.[0]): length}) | add)})
| {groups: length, total: (map(.n) | add), first: .[0], last: .[-1], text: (tojson | length)}
