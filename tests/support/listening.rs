//! A client of the stream: reads server-sent events off an open answer, each wait with an end.

use std::time::Duration;

use serde_json::Value;

/// No event takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream.
#[derive(Debug)]
pub(crate) struct Listening {
    response: reqwest::Response,
    unread: String,
    pub(crate) last_id: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Told {
    /// The kind of a `service` event, else the type: `begin`, `alert`.
    pub(crate) fn word(&self) -> &str {
        match self.data["kind"].as_str() {
            Some(kind) if self.event == "service" => kind,
            _ => &self.event,
        }
    }
}

/// Asks for the stream; gives the answer, whatever it is.
pub(crate) async fn ask(url: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = reqwest::Client::new().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = tokio::time::timeout(PATIENCE, request.send()).await;
    answer.expect("an answer in time").unwrap()
}

impl Listening {
    pub(crate) async fn open(url: &str, headers: &[(&str, &str)]) -> Self {
        let response = ask(url, headers).await;
        let media = response.headers().get("content-type").cloned();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        assert_eq!(media.unwrap(), "text/event-stream");
        Self {
            response,
            unread: String::new(),
            last_id: None,
        }
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some(end) = self.unread.find("\n\n") {
                let block: String = self.unread.drain(..end + 2).collect();
                if let Some(told) = self.read(&block) {
                    return Some(told);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            // A connection that breaks is an end too.
            let chunk = chunk.expect("something in time").ok().flatten()?;
            self.unread.push_str(&String::from_utf8(chunk.into()).unwrap());
        }
    }

    /// The next event of this type or `service` kind; others are passed over.
    pub(crate) async fn until(&mut self, word: &str) -> Told {
        loop {
            let told = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream ended before {word}"));
            if told.word() == word {
                return told;
            }
        }
    }

    /// Waits for the end, whatever comes before it.
    pub(crate) async fn ends(mut self) {
        while self.next().await.is_some() {}
    }

    fn read(&mut self, block: &str) -> Option<Told> {
        let field = |name: &str| {
            let start = format!("{name}: ");
            block.lines().find_map(|line| line.strip_prefix(&start))
        };
        if let Some(id) = field("id") {
            self.last_id = Some(id.to_owned());
        }
        // As a browser does: without data there is no event.
        let data = field("data")?;
        Some(Told {
            event: field("event").expect("a type").to_owned(),
            id: field("id").map(ToOwned::to_owned),
            data: serde_json::from_str(data).unwrap(),
        })
    }
}
