//! One caller's stream: first what was missed, from the store, then what happens, from the reader. It is asked again and
//! again whether the caller may still listen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse;
use futures_util::FutureExt as _;
use futures_util::stream::{Stream as Events, unfold};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Interval, interval};

use super::{Feed, Seat, Told};
use crate::domain::staff::Role;
use crate::store::StoreError;
use crate::store::event::EventKind;
use crate::store::stream::{self, Event, Place};
use crate::web::State;
use crate::web::guard::Badge;
use crate::web::problem::{Problem, UNAVAILABLE};
use crate::web::route::Allow;
use crate::web::routes::{CLINICAL, EQUIPMENT};

/// How often it is asked whether a sign-in or token still stands; a sign-out in this process is heard of at once.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// So often something is written: proxies end connections that are silent, and a dead peer shows only by writing to it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes again.
const COME_AGAIN: Duration = Duration::from_secs(2);
const PAGE: u32 = 200;

/// Who may be told of what; nobody else is.
pub fn may_see(role: Role, kind: EventKind) -> bool {
    let allow = match kind {
        EventKind::Alert | EventKind::Visit | EventKind::Session => Allow::Roles(CLINICAL),
        EventKind::Unit => Allow::Roles(EQUIPMENT),
        EventKind::Service => Allow::SignedIn,
    };
    allow.admits(Some(role))
}

/// From where on somebody listens.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// What happens from now on.
    Now,
    After(Place),
    /// They say where they were, but it is no place at all.
    Nowhere,
}

/// Who listens, and to what.
#[derive(Debug)]
pub struct Caller {
    pub badge: Badge,
    pub role: Role,
    /// Of these, what the role may see.
    pub kinds: Vec<EventKind>,
    pub seat: Seat,
}

/// A stream under way.
#[derive(Debug)]
pub struct Listener {
    state: State,
    caller: Caller,
    waiting: VecDeque<sse::Event>,
    /// Up to here everything was told, or is not for this caller.
    place: Option<Place>,
    /// The last id that the caller was given.
    id: Option<Place>,
    feed: Feed,
    /// The store has been read to its end after the feed began: from now on the feed is all.
    live: bool,
    /// The feed began before the page that is read.
    fresh: bool,
    departures: watch::Receiver<u64>,
    ask: Interval,
    alive: Interval,
}

impl Listener {
    pub async fn open(state: &State, caller: Caller, from: From) -> Result<Self, Problem> {
        let feed = state.stream.listen().await.ok_or_else(|| {
            Problem::new(&UNAVAILABLE, "The stream cannot be read just now.").retry_after(5)
        })?;
        let mut listener = Self {
            state: state.clone(),
            caller,
            waiting: VecDeque::from([sse::Event::default().retry(COME_AGAIN)]),
            place: None,
            id: None,
            feed,
            live: false,
            fresh: true,
            departures: state.stream.departures(),
            ask: interval(ASK_EVERY),
            alive: interval(KEEP_ALIVE),
        };
        // The first tick of an interval is at once.
        listener.ask.reset();
        listener.alive.reset();
        match from {
            From::Now => listener.begin("begin").await?,
            From::Nowhere => listener.begin("reset").await?,
            From::After(place) => {
                (listener.place, listener.id) = (Some(place), Some(place));
                listener.catch_up().await?;
            }
        }
        let standing = listener.feed.standing.to_string();
        listener.service(standing);
        Ok(listener)
    }

    /// As the browser takes it.
    pub fn events(self) -> impl Events<Item = Result<sse::Event, Infallible>> {
        unfold(self, |mut listener| async {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    /// `None` ends the stream; the caller comes again with their last id.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.live {
                self.hear().await?;
                continue;
            }
            if self.ask.tick().now_or_never().is_some() {
                self.ask_again().await?;
            }
            if let Err(fault) = self.catch_up().await {
                tracing::warn!(%fault, "a stream ends, since what it missed cannot be read");
                return None;
            }
        }
    }

    /// One page from the store.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let mut tx = self.state.desk.db.read().await?;
        let page = stream::after(&mut tx, self.place, PAGE).await?;
        drop(tx);
        let Some(events) = page else {
            return self.begin("reset").await;
        };
        let is_last = events.len() < PAGE as usize;
        for event in &events {
            self.tell(event);
        }
        if is_last && self.fresh {
            self.live = true;
        } else if is_last {
            let gone = || StoreError::Unavailable {
                what: "the stream's reader has stopped".to_owned(),
            };
            self.feed = self.state.stream.listen().await.ok_or_else(gone)?;
            self.fresh = true;
        } else {
            // The ring has turned meanwhile.
            self.fresh = false;
        }
        Ok(())
    }

    /// From now on: whoever is told so loads what stands, and misses nothing after it.
    async fn begin(&mut self, kind: &str) -> Result<(), StoreError> {
        let mut tx = self.state.desk.db.read().await?;
        self.place = stream::last(&mut tx).await?;
        drop(tx);
        self.id = self.place;
        let event = of_service(json!({ "kind": kind }).to_string());
        let event = match self.place {
            Some(place) => event.id(place.to_string()),
            None => event,
        };
        self.waiting.push_back(event);
        Ok(())
    }

    async fn hear(&mut self) -> Option<()> {
        tokio::select! {
            told = self.feed.next() => match told? {
                // The feed began before the store was read: some of it was told already.
                Told::Event(event) if Some(event.place) > self.place => self.tell(&event),
                Told::Event(_) => {}
                Told::Standing(standing) => self.service(standing.to_string()),
            },
            _ = self.ask.tick() => self.ask_again().await?,
            _ = self.departures.changed() => self.ask_again().await?,
            _ = self.alive.tick() => {
                let mut event = sse::Event::default();
                if self.id == self.place {
                    event = event.comment("");
                } else if let Some(place) = self.place {
                    // Without data it is no event; it only says from where to go on.
                    event = event.id(place.to_string());
                    self.id = self.place;
                }
                self.waiting.push_back(event);
            }
        }
        Some(())
    }

    fn tell(&mut self, event: &Event) {
        let (place, kind) = (event.place, event.event.kind);
        self.place = Some(place);
        if self.caller.kinds.contains(&kind) && may_see(self.caller.role, kind) {
            self.id = Some(place);
            let told = sse::Event::default().event(kind.word()).id(place.to_string());
            self.waiting.push_back(told.data(&event.event.body));
        }
    }

    fn service(&mut self, body: String) {
        let event = of_service(body);
        self.waiting.push_back(event);
    }

    /// `None` where the caller is no longer signed in.
    async fn ask_again(&mut self) -> Option<()> {
        match self.caller.badge.still(&self.state).await {
            Ok(role) => self.caller.role = role?,
            Err(fault) => {
                tracing::warn!(%fault, "it cannot be asked whether a stream's caller is still signed in");
            }
        }
        Some(())
    }
}

fn of_service(body: String) -> sse::Event {
    sse::Event::default().event(EventKind::Service.word()).data(body)
}
