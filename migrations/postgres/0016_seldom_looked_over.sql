-- Whenever a table has been looked over, every connection plans anew what it asks of it, and meanwhile an alert waits. By default that
-- is once a minute where many sessions come to few patients, or to a service that has just begun. What ingest writes is found by
-- index whatever is known of the table, and rows that are changed in place leave next to nothing to clear away: ten thousand rows
-- are soon enough, and of large tables their share, as everywhere.
alter table session set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table finding set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table alert set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table alert_finding set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table event set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table audit set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table outbox set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table compliance_call set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_threshold = 10000);
alter table patient_turn set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_threshold = 10000);
alter table unit_status set (autovacuum_analyze_threshold = 10000, autovacuum_vacuum_threshold = 10000);
