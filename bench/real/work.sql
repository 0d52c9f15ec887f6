-- A database in memory: inserts, an index, joins, groups, updates, deletes.
create table item(id integer primary key, name text, price integer);
create table sale(id integer primary key, item integer, amount integer, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into item select i, 'item ' || (i * 7919 % 20011), i * 31 % 997 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
  insert into sale select i, i * 7927 % 20000 + 1, i % 13, 'note ' || (i % 101) from n;
create index sale_by_item on sale(item, amount);
select count(*), sum(price * amount) from sale join item on item.id = sale.item;
select note, count(*), sum(amount) from sale group by note order by 3 desc, 1 limit 5;
select count(*) from (select name, group_concat(amount) g from sale join item on item.id = sale.item group by name having length(g) > 8);
update sale set note = note || ' again' where amount > 6;
delete from sale where amount = 3;
select count(*), max(note), sum(length(note)) from sale;
