use homeward::store::{self, Connections, Db, StoreError};

use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_migrated_database_has_nothing_pending,
    reading_cannot_write,
    what_is_not_committed_is_undone,
);

async fn a_migrated_database_has_nothing_pending(database: TestDatabase) {
    // A second program on the same database.
    let other = Db::connect(
        &database.url,
        Connections {
            writers: 1,
            readers: 1,
        },
    )
    .await
    .unwrap();
    other.ping().await.unwrap();
    assert_eq!(other.pending_migrations().await.unwrap(), Vec::<i64>::new());
    other.migrate().await.unwrap();
    other.close().await;
}

async fn reading_cannot_write(database: TestDatabase) {
    let mut tx = database.db.read().await.unwrap();
    let unit = "HU-1".parse().unwrap();
    let refused =
        store::unit::insert(&mut tx, &unit, &[7; 32], "2026-11-21T09:00:00Z".parse().unwrap()).await;
    assert!(refused.is_err());
}

async fn what_is_not_committed_is_undone(database: TestDatabase) {
    let unit = "HU-1".parse().unwrap();
    let now = "2026-11-21T09:00:00Z".parse().unwrap();
    let mut tx = database.db.begin().await.unwrap();
    store::unit::insert(&mut tx, &unit, &[7; 32], now).await.unwrap();
    drop(tx);
    let mut tx = database.db.begin().await.unwrap();
    assert_eq!(store::unit::get(&mut tx, &unit).await.unwrap(), None);
    store::unit::insert(&mut tx, &unit, &[7; 32], now).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.db.read().await.unwrap();
    assert!(store::unit::get(&mut tx, &unit).await.unwrap().is_some());
}

#[tokio::test]
async fn an_unmigrated_database_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("new.db").display());
    let db = Db::connect(&url, Connections::default()).await.unwrap();
    let pending = db.pending_migrations().await.unwrap();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).unwrap();
    assert_eq!((pending.first(), pending.len()), (Some(&1), files.count()));
}

#[tokio::test]
async fn the_file_and_its_folder_are_made_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("new/deep");
    let file = inner.join("homeward.db");
    let url = format!("sqlite:{}", file.display());
    let db = Db::connect(&url, Connections::default()).await.unwrap();
    db.migrate().await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&file)), (0o700, 0o600));
    for journal in ["homeward.db-wal", "homeward.db-shm"] {
        assert_eq!(mode(&inner.join(journal)), 0o600, "{journal}");
    }
    db.close().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let url = format!("sqlite:{}", file.join("homeward.db").display());
    let refused = Db::connect(&url, Connections::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("file/homeward.db cannot be made or opened"),
        "{refused}"
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("postgres://nobody@{closed}/nothing");
    let refused = Db::connect(&url, Connections::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("onnection refused"), "{refused}");
}

#[tokio::test]
async fn an_address_of_no_database_is_refused() {
    for address in [
        "mysql://root@localhost/x",
        "sqlite::memory:",
        "sqlite:",
        "homeward.db",
        "postgres://[::1",
        "postgres://localhost/nobody-named",
    ] {
        let refused = Db::connect(address, Connections::default()).await;
        assert!(matches!(refused, Err(StoreError::Address(_))), "{address}");
    }
}
