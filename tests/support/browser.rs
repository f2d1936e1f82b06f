//! A headless Chromium of one's own, driven as a person would: it opens pages, types, presses, and waits for what the page
//! says. `HOMEWARD_TEST_PICTURES` names a folder in which to keep what it looked like.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::require;

/// No page takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Browser {
    client: Client,
    driver: Driver,
}

/// Ends with the value, and the browser with it.
struct Driver {
    child: Child,
    port: u16,
    profile: TempDir,
}

impl Browser {
    /// `None` where Chromium or its driver is not installed.
    pub(crate) async fn open() -> Option<Self> {
        let is_there = |name| require::program(name, &["/usr/bin", "/usr/lib/chromium"]);
        let chromium = is_there("chromium")?;
        let Some(chromedriver) = is_there("chromedriver") else {
            require::missing("chromium");
            return None;
        };
        let mut child = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, port) = mpsc::channel();
        // Read to its end, or it stops when the pipe is full.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                    // Whoever waited may have given up.
                    let _ = told.send(port.trim_end_matches('.').parse().unwrap());
                }
            }
        });
        let port = port.recv_timeout(PATIENCE).expect("the driver says its port");
        let driver = Driver {
            child,
            port,
            profile: TempDir::new().unwrap(),
        };
        let profile = format!("--user-data-dir={}", driver.profile.path().display());
        let options = json!({"binary": chromium, "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1200,900", profile,
        ]});
        let capabilities = json!({ "goog:chromeOptions": options });
        let mut starting = ClientBuilder::new(HttpConnector::new());
        starting.capabilities(capabilities.as_object().unwrap().clone());
        let address = format!("http://127.0.0.1:{port}");
        let client = answered(starting.connect(&address))
            .await
            .expect("Chromium starts");
        Some(Self { client, driver })
    }

    pub(crate) async fn goto(&self, url: &str) {
        answered(self.client.goto(url)).await.unwrap();
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        answered(self.client.current_url())
            .await
            .unwrap()
            .path()
            .to_owned()
    }

    pub(crate) async fn title(&self) -> String {
        answered(self.client.title()).await.unwrap()
    }

    pub(crate) async fn resize(&self, width: u32, height: u32) {
        answered(self.client.set_window_size(width, height))
            .await
            .unwrap();
    }

    /// Types into the field of this id.
    pub(crate) async fn types(&self, id: &str, text: &str) {
        let field = answered(self.client.find(Locator::Id(id))).await.unwrap();
        answered(field.send_keys(text)).await.unwrap();
    }

    pub(crate) async fn presses(&self, css: &str) {
        let button = answered(self.client.find(Locator::Css(css))).await.unwrap();
        answered(button.click()).await.unwrap();
    }

    /// The text of the first such element, as it is shown.
    pub(crate) async fn text(&self, css: &str) -> String {
        let element = answered(self.client.find(Locator::Css(css))).await.unwrap();
        answered(element.text()).await.unwrap()
    }

    /// What a script in the page answers: `return document.title`.
    pub(crate) async fn runs(&self, script: &str) -> Value {
        answered(self.client.execute(script, Vec::new())).await.unwrap()
    }

    /// Until the expression is true in whatever page is shown.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];
             const look = () => {{ if ({expression}) done(true); else setTimeout(look, 20); }};
             look();"
        );
        let waiting = async {
            // A page that gives way to another takes the script with it.
            while self.client.execute_async(&script, Vec::new()).await.is_err() {}
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let page = answered(self.client.source()).await.unwrap_or_default();
            panic!("never true: {expression}\n{page}");
        }
    }

    /// Until the first such element says so.
    pub(crate) async fn until_text(&self, css: &str, text: &str) {
        let (css, text) = (json!(css), json!(text));
        self.until(&format!(
            "document.querySelector({css})?.textContent.includes({text})"
        ))
        .await;
    }

    pub(crate) async fn picture(&self, name: &str) {
        #[expect(
            clippy::disallowed_methods,
            reason = "the variable is for tests, not for the service"
        )]
        if let Some(folder) = std::env::var_os("HOMEWARD_TEST_PICTURES") {
            let file = std::path::Path::new(&folder).join(format!("{name}.png"));
            std::fs::write(file, answered(self.client.screenshot()).await.unwrap()).unwrap();
        }
    }

    pub(crate) async fn close(self) {
        answered(self.client.close()).await.unwrap();
        drop(self.driver);
    }
}

/// What the driver answers. One that never does would be waited for until the end of days.
async fn answered<T>(answer: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.expect("the browser answers")
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver ends its browsers when it is asked to end, and not when it is killed.
        if let Ok(mut asking) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
            drop(asking.set_read_timeout(Some(Duration::from_secs(5))));
            drop(asking.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"));
            drop(asking.read_to_end(&mut Vec::new()));
        }
        // Both fail only where it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
