//! The two schemas are one: what differs in their texts must not differ in their meaning.

use std::collections::BTreeSet;
use std::path::Path;

use homeward::store::session::SessionRow;
use homeward::store::{Connections, Db};
use sqlx::{PgPool, Row as _, SqlitePool};

use super::fixture::{at, id, key, people, session};
use crate::support::databases;

/// A line each: columns with type and nullability, keys, references, indexes, and how many checks a table has.
type Schema = BTreeSet<String>;

async fn lines_of_sqlite(pool: &SqlitePool) -> Schema {
    let queries = [
        "select format('column %s.%s %s %s', m.name, c.name, c.type, case when c.\"notnull\" or c.pk then 'not null' else 'null' end)
         from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table'",
        "select format('%s %s (%s)%s', case l.origin when 'c' then 'index ' || l.name || ' on' else 'unique on' end, m.name,
                (select group_concat(i.name, ', ') from (select name from pragma_index_info(l.name) order by seqno) i),
                case when l.origin = 'c' and l.\"unique\" then ' unique' else '' end || case when l.partial then ' partial' else '' end)
         from sqlite_master m join pragma_index_list(m.name) l where m.type = 'table'",
        "select format('reference %s (%s) to %s', m.name, group_concat(f.\"from\", ', '), f.\"table\")
         from sqlite_master m join pragma_foreign_key_list(m.name) f where m.type = 'table' group by m.name, f.id",
        "select format('checks %s %s', name, (length(sql) - length(replace(sql, 'check (', ''))) / 7)
         from sqlite_master where type = 'table'",
        "select format('view %s.%s', m.name, c.name) from sqlite_master m join pragma_table_info(m.name) c where m.type = 'view'",
    ];
    let mut lines = Schema::new();
    for query in queries {
        lines.extend(
            sqlx::query_scalar::<_, String>(query)
                .fetch_all(pool)
                .await
                .unwrap(),
        );
    }
    lines
}

async fn lines_of_postgres(pool: &PgPool) -> Schema {
    let queries = [
        "select format('column %s.%s %s %s', c.table_name, c.column_name,
                case c.data_type when 'uuid' then 'BLOB' when 'bytea' then 'BLOB' when 'bigint' then 'INTEGER'
                     when 'boolean' then 'INTEGER' when 'text' then 'TEXT' when 'date' then 'TEXT'
                     when 'timestamp with time zone' then 'TEXT' else c.data_type end,
                case c.is_nullable when 'NO' then 'not null' else 'null' end)
         from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
         where c.table_schema = 'public' and t.table_type = 'BASE TABLE'",
        "select format('%s %s (%s)%s', case when k.oid is null then 'index ' || i.relname || ' on' else 'unique on' end, t.relname,
                (select string_agg(a.attname, ', ' order by o.place) from unnest(x.indkey) with ordinality o(column_number, place)
                 join pg_attribute a on a.attrelid = t.oid and a.attnum = o.column_number),
                case when k.oid is null and x.indisunique then ' unique' else '' end || case when x.indpred is not null then ' partial' else '' end)
         from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
         left join pg_constraint k on k.conindid = i.oid and k.contype in ('p', 'u')
         where t.relnamespace = 'public'::regnamespace",
        "select format('reference %s (%s) to %s', k.conrelid::regclass, (select string_agg(a.attname, ', ' order by o.place)
                from unnest(k.conkey) with ordinality o(column_number, place)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = o.column_number), k.confrelid::regclass)
         from pg_constraint k where k.contype = 'f'",
        "select format('checks %s %s', t.relname, count(k.oid)) from pg_class t
         left join pg_constraint k on k.conrelid = t.oid and k.contype = 'c'
         where t.relnamespace = 'public'::regnamespace and t.relkind = 'r' group by t.relname",
        "select format('view %s.%s', table_name, column_name) from information_schema.columns
         join information_schema.tables using (table_schema, table_name)
         where table_schema = 'public' and table_type = 'VIEW'",
    ];
    let mut lines = Schema::new();
    for query in queries {
        lines.extend(
            sqlx::query_scalar::<_, String>(query)
                .fetch_all(pool)
                .await
                .unwrap(),
        );
    }
    lines
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let sqlite = databases::sqlite().await;
    let Some(postgres) = databases::postgres().await else {
        return;
    };
    let (Db::Sqlite { readers: one, .. }, Db::Postgres { readers: other, .. }) = (&sqlite.db, &postgres.db)
    else {
        panic!("one of each")
    };
    let is_ours = |line: &String| !line.contains("_sqlx_migrations") && !line.contains("sqlite_sequence");
    // A number that is the row itself needs no index on SQLite; transactions have numbers on PostgreSQL only.
    let apart = [
        "unique on event (tx, seq)",
        "unique on audit (seq)",
        "unique on compliance_call (seq)",
        "column event.tx INTEGER not null",
    ];
    // Checked on SQLite only: see migrations/postgres/0005_turns.sql, 0015_alerts_unchecked.sql and 0017_looks_unchecked.sql.
    let unchecked = [
        "reference session (unit_id) to home_unit",
        "reference session (patient_id) to patient",
        "reference finding (patient_id) to patient",
        "reference alert_finding (alert_id) to alert",
        "reference alert_finding (finding_id) to finding",
        "reference alert (patient_id) to patient",
        "reference alert (unit_id) to home_unit",
        "reference audit_read_patient (read_id) to audit_read",
    ];
    let here: Schema = lines_of_sqlite(one)
        .await
        .into_iter()
        .filter(is_ours)
        .filter(|line| !unchecked.contains(&line.as_str()))
        .collect();
    let there: Schema = lines_of_postgres(other.all())
        .await
        .into_iter()
        .filter(is_ours)
        .filter(|line| !apart.contains(&line.as_str()))
        .collect();
    let in_sqlite: Vec<_> = here.difference(&there).collect();
    let in_postgres: Vec<_> = there.difference(&here).collect();
    assert!(
        in_sqlite.is_empty() && in_postgres.is_empty(),
        "SQLite: {in_sqlite:#?}\nPostgreSQL: {in_postgres:#?}"
    );
    assert!(here.len() > 250, "{}", here.len());
}

/// The program carries its migrations inside; one that was added after the last compilation would be missing in silence.
#[tokio::test]
async fn every_migration_file_is_in_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("new.db").display());
    let pending = Db::connect(&url, Connections::default())
        .await
        .unwrap()
        .pending_migrations()
        .await
        .unwrap();
    for kind in ["sqlite", "postgres"] {
        let files = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(kind);
        let mut numbers: Vec<i64> = std::fs::read_dir(files)
            .unwrap()
            .map(|file| {
                file.unwrap()
                    .file_name()
                    .to_str()
                    .unwrap()
                    .split('_')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, pending, "{kind}");
    }
}

/// For analysts, who have no program of ours.
#[tokio::test]
async fn the_view_unfolds_readings() {
    let sqlite = databases::sqlite().await;
    unfolds(&sqlite.db).await;
    if let Some(postgres) = databases::postgres().await {
        unfolds(&postgres.db).await;
    }
}

async fn unfolds(db: &Db) {
    let mut tx = people(db, 1).await;
    let document = r#"{"readings":[{"measure":"weight","value":84.2,"unit":"kg","taken_at":"x"},{"measure":"spo2","value":93,"unit":"%"}]}"#.into();
    let row = SessionRow {
        document,
        ..session(key("HU-1", 1), Some(id(1)), at("09:00"))
    };
    homeward::store::session::insert(&mut tx, &[row]).await.unwrap();
    tx.commit().await.unwrap();
    let sql = "select measure || ' ' || cast(reading_index as text) from sent_reading order by 1";
    let lines: Vec<String> = match db {
        Db::Sqlite { readers, .. } => sqlx::query(sql)
            .fetch_all(readers)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect(),
        Db::Postgres { readers, .. } => sqlx::query(sql)
            .fetch_all(readers.lend().await.unwrap().work().unwrap())
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect(),
    };
    assert_eq!(lines, ["spo2 1", "weight 0"]);
}
