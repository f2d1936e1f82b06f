-- A team's rehearsals, newest first.
create index rehearsal_team on rehearsal (team_id, asked_at, id);
