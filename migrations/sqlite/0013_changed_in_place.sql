-- PostgreSQL leaves room beside rows that are written again and again; SQLite changes them where they are.
select 1;
