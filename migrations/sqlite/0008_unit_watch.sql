-- How units are is looked at by a worker, when something has changed or when one may have been silent for too long.

create table unit_status_now (
    unit_id text primary key references home_unit (unit_id),
    online integer,
    battery_pct integer,
    firmware text,
    queued integer,
    -- By the unit's clock; a status that is older than the one kept is not taken.
    reported_at text,
    -- By ours. Null: nothing was ever heard from the unit, and somebody waits for it.
    last_seen_at text,
    -- By how much the unit's clock was ahead of ours when it last said what it was; 0 where that is nothing to tell of.
    skew_seconds integer,
    -- A finding says so: then the next word from it must be looked at.
    silent integer not null default false,
    -- When the unit must be looked at next; null for never, until something changes.
    look_at text
) strict;
insert into unit_status_now (unit_id, online, battery_pct, firmware, queued, reported_at, last_seen_at)
    select unit_id, online, battery_pct, firmware, queued, reported_at, last_seen_at from unit_status;
drop table unit_status;
alter table unit_status_now rename to unit_status;
create index unit_status_look on unit_status (look_at) where look_at is not null;
insert into unit_status (unit_id, look_at) select unit_id, '1970-01-01T00:00:00+00:00' from home_unit where true
    on conflict (unit_id) do update set look_at = excluded.look_at;
