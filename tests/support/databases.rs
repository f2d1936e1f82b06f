//! A fresh database for each test: SQLite in a temporary file, PostgreSQL in a scratch cluster that dies with the test process.
//!
//! `HOMEWARD_TEST_POSTGRES_URL` names a server to use instead (its user must be allowed to create databases);
//! `require` says what happens where there is none.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use homeward::store::{Connections, Db};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use super::require;

/// A migrated, empty database.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    pub(crate) db: Db,
    /// For processes and connections of their own.
    pub(crate) url: String,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Folder {
        _folder: TempDir,
    },
    Database {
        name: String,
    },
    /// Goes with its server.
    Cluster,
}

/// Writes a test once and runs it on both databases: `mod name { sqlite, postgres }` beside `async fn name(TestDatabase)`.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name($crate::support::databases::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(database) = $crate::support::databases::postgres().await {
                    super::$name(database).await;
                }
            }
        }
    )+};
}
pub(crate) use on_both_databases;

pub(crate) async fn sqlite() -> TestDatabase {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("homeward.db").display());
    let db = Db::connect(&url, Connections::default()).await.unwrap();
    db.migrate().await.unwrap();
    TestDatabase {
        db,
        url,
        kept: Kept::Folder { _folder: folder },
    }
}

/// `None`, said once, where there is no PostgreSQL on this machine.
pub(crate) async fn postgres() -> Option<TestDatabase> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = server()?;
    let name = format!(
        "homeward_test_{}_{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let url = server.url(&name);
    if let Some(template) = &server.template {
        server
            .run(&format!("create database {name} template {template}"))
            .await;
    } else {
        server.run(&format!("create database {name}")).await;
        migrate(&url).await;
    }
    let db = Db::connect(
        &url,
        Connections {
            writers: 4,
            readers: 2,
        },
    )
    .await
    .unwrap();
    Some(TestDatabase {
        db,
        url,
        kept: Kept::Database { name },
    })
}

/// A second database that begins as the first is now. Nobody else may be connected to it.
pub(crate) async fn copy_of(original: &mut TestDatabase) -> TestDatabase {
    let Kept::Database { name } = &original.kept else {
        panic!("only PostgreSQL copies databases")
    };
    let server = server().expect("the server of the original");
    let copy = format!("{name}_copy");
    original.db.close().await;
    server
        .run(&format!("create database {copy} template {name}"))
        .await;
    let connections = Connections {
        writers: 2,
        readers: 2,
    };
    original.db = Db::connect(&original.url, connections).await.unwrap();
    let url = server.url(&copy);
    TestDatabase {
        db: Db::connect(&url, connections).await.unwrap(),
        url,
        kept: Kept::Database { name: copy },
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Self::Database { name } = self
            && let Some(server) = server()
        {
            let sql = format!("drop database {name} with (force)");
            on_a_thread(async move { server.run(&sql).await });
        }
    }
}

struct Server {
    /// The address of its maintenance database.
    admin: String,
    /// A migrated database to copy.
    template: Option<String>,
    /// Held open: when this process ends, however it ends, the watchdog reads the end of its input and cleans up.
    _watchdog: Option<ChildStdin>,
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

impl Server {
    fn url(&self, database: &str) -> String {
        let (address, options) = self.admin.split_once('?').unwrap_or((&self.admin, ""));
        let (host, _) = address.rsplit_once('/').unwrap();
        format!("{host}/{database}?{options}")
    }

    async fn run(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.admin).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
}

fn start() -> Option<Server> {
    let (admin, watchdog) = match environment("HOMEWARD_TEST_POSTGRES_URL") {
        Some(url) => (url, None),
        None => match Scratch::start(false) {
            Ok(cluster) => (cluster.url, Some(cluster.watchdog)),
            Err(why) => {
                eprintln!("{why}");
                require::missing("postgres");
                return None;
            }
        },
    };
    // A server of somebody else's gets no database that nobody would delete.
    let template = watchdog.as_ref().map(|_| "homeward_template".to_owned());
    let server = Server {
        admin,
        template,
        _watchdog: watchdog,
    };
    Some(on_a_thread(async move {
        if let Some(template) = &server.template {
            server.run(&format!("create database {template}")).await;
            migrate(&server.url(template)).await;
        }
        server
    }))
}

async fn migrate(url: &str) {
    let db = Db::connect(
        url,
        Connections {
            writers: 1,
            readers: 1,
        },
    )
    .await
    .unwrap();
    db.migrate().await.unwrap();
    db.close().await;
}

/// A cluster in a temporary folder, reached by a socket in it, without fsync: only for tests.
struct Scratch {
    /// Of its maintenance database.
    url: String,
    programs: PathBuf,
    root: bool,
    data: PathBuf,
    log: PathBuf,
    settings: String,
    watchdog: ChildStdin,
}

impl Scratch {
    /// What has been committed outlives the server's crash where `durable`; never the machine's.
    fn start(durable: bool) -> Result<Self, String> {
        let programs = programs().ok_or("no /usr/lib/postgresql/*/bin with initdb")?;
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let root = run(Command::new("id").arg("-u"))?.trim() == "0";
        if root {
            // The server refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        run(as_server(&programs, root, "initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
                "-D",
            ])
            .arg(&data))?;
        let settings = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c synchronous_commit={} \
             -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB",
            folder.path().display(),
            if durable { "on" } else { "off" }
        );
        let watchdog = watchdog(&as_server(&programs, root, "pg_ctl"), &data, folder.path())?;
        // From here on the watchdog deletes it.
        let path = folder.keep();
        let host = path.display().to_string().replace('/', "%2F");
        let cluster = Self {
            url: format!("postgres://postgres@localhost/postgres?host={host}"),
            programs,
            root,
            data,
            log: path.join("log"),
            settings,
            watchdog,
        };
        cluster.launch()?;
        Ok(cluster)
    }

    fn pg_ctl(&self) -> Command {
        let mut command = as_server(&self.programs, self.root, "pg_ctl");
        command.arg("-D").arg(&self.data).arg("-w");
        command
    }

    fn launch(&self) -> Result<String, String> {
        run(self
            .pg_ctl()
            .arg("-l")
            .arg(&self.log)
            .args(["-o", &self.settings, "start"]))
    }
}

fn as_server(programs: &Path, root: bool, program: &str) -> Command {
    let program = programs.join(program);
    let mut command = Command::new(if root { Path::new("runuser") } else { &program });
    if root {
        command.args(["-u", "postgres", "--"]).arg(&program);
    }
    command.current_dir("/");
    command
}

/// A PostgreSQL of one's own, which may be taken away.
pub(crate) struct Cluster(Scratch);

impl Cluster {
    /// `None`, said once, where there is no PostgreSQL on this machine.
    pub(crate) fn start() -> Option<Self> {
        match Scratch::start(true) {
            Ok(cluster) => Some(Self(cluster)),
            Err(why) => {
                eprintln!("{why}");
                require::missing("postgres");
                None
            }
        }
    }

    /// Its only database, migrated.
    pub(crate) async fn database(&self) -> TestDatabase {
        migrate(&self.0.url).await;
        let connections = Connections {
            writers: 4,
            readers: 2,
        };
        TestDatabase {
            db: Db::connect(&self.0.url, connections).await.unwrap(),
            url: self.0.url.clone(),
            kept: Kept::Cluster,
        }
    }

    /// Without a word to those who are connected.
    pub(crate) fn stop_at_once(&self) {
        run(self.0.pg_ctl().args(["-m", "immediate", "stop"])).unwrap();
    }

    pub(crate) fn start_again(&self) {
        self.0.launch().unwrap();
    }
}

/// A shell that waits for our end of its input to close, which even `kill -9` does, then stops the server and deletes it.
fn watchdog(pg_ctl: &Command, data: &Path, folder: &Path) -> Result<ChildStdin, String> {
    let mut words = vec![pg_ctl.get_program()];
    words.extend(pg_ctl.get_args());
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "cat >/dev/null; folder=$1; shift; \"$@\"; rm -rf \"$folder\"",
            "sh",
        ])
        .arg(folder)
        .args(words);
    shell.arg("-D").arg(data).args(["-m", "immediate", "stop"]);
    // Its own group, so that an interrupt from the keyboard ends the tests and not their watchdog.
    shell
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/");
    let mut child = shell.spawn().map_err(|error| error.to_string())?;
    child
        .stdin
        .take()
        .ok_or_else(|| "the watchdog has no input".to_owned())
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let folders = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists());
    folders.max_by_key(|bin| {
        let version = bin
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    })
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Runs to its end outside the test's own runtime.
fn on_a_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work)
    });
    thread.join().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment what the machine has"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
