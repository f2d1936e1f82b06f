-- A reader goes on by transaction first: a sequence number may become visible after a greater one, a transaction that is
-- older than every open one no longer can. The number as a bigint, so that it can be compared with a reader's place.
alter table event alter column tx drop default;
alter table event alter column tx type bigint using cast(cast(tx as text) as bigint);
alter table event alter column tx set default cast(cast(pg_current_xact_id() as text) as bigint);
alter table event drop constraint event_pkey;
alter table event add primary key (tx, seq);
