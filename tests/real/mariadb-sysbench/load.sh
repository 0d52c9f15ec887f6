# load.sh CONNECTIONS EVENTS: sysbench's read-write transactions over that many connections; prints what must not depend on timing.
# Deadlocks among them are retried, and counted by nobody.
connections=$1 events=$2
sb=(sysbench oltp_read_write --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port="$PORT" --mysql-user=root --mysql-db=sbtest
  --tables=4 --table-size=5000 --rand-seed=1 --rand-type=uniform --threads="$connections" --events="$events" --time=0
  --mysql-ignore-errors=1213,1205,1020)
client=(mariadb --no-defaults -N -u root -h 127.0.0.1 -P "$PORT")
"${client[@]}" -e 'create database sbtest'
"${sb[@]}" --threads=4 prepare >prepared || { cat prepared; exit 1; }
"${sb[@]}" run >ran 2>&1 || { cat ran; exit 1; }
grep -E '^ +total number of events' ran
for i in 1 2 3 4; do
  "${client[@]}" -e "check table sbtest$i; select count(*) from sbtest$i" sbtest
done
