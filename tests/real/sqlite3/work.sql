-- Tables, indexes, joins, full-text search, JSON, window functions, a vacuum; rows from a fixed generator.
PRAGMA cache_size = -20000;
CREATE TABLE item(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL);
WITH RECURSIVE r(i, x) AS (SELECT 1, 12345 UNION ALL SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM r LIMIT 300000)
INSERT INTO item SELECT i, x % 1000, hex(x) || '-' || (x % 77), x / 7.0 FROM r;
CREATE INDEX item_a ON item(a);
CREATE INDEX item_b ON item(b);
SELECT count(*), sum(a), min(b), max(b), round(sum(c), 3) FROM item;
SELECT a, count(*), round(avg(c), 3) FROM item GROUP BY a ORDER BY 2 DESC, a LIMIT 5;
SELECT count(*) FROM item x JOIN item y ON x.a = y.a AND x.id % 50 = 0 AND y.id % 50 = 1;
SELECT sum(n) FROM (SELECT row_number() OVER (PARTITION BY a ORDER BY c) AS n FROM item);
SELECT sum(length(j)) FROM (SELECT json_group_array(json_object('a', a, 'b', b)) AS j FROM item GROUP BY a);
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words SELECT group_concat(b, ' ') FROM item GROUP BY id / 20;
SELECT count(*) FROM words WHERE words MATCH '76';
UPDATE item SET b = b || a WHERE id % 3 = 0;
DELETE FROM item WHERE id % 7 = 0;
VACUUM;
SELECT count(*), sum(length(b)) FROM item;
PRAGMA integrity_check;
