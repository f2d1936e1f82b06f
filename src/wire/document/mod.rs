//! A document is gone through once, and the place of every value is noted: whoever reads on goes from place to place, and
//! not through the same text once for each level. No nesting, however deep, meets a recursive function.

mod pointers;
mod reader;

use std::borrow::Cow;

pub(super) use self::pointers::Pointers;
use self::reader::Reader;

/// A JSON text with the places of its values, as far as it is sound.
#[derive(Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    /// In the order of the text; a value comes after its key, and what an object or array holds after itself.
    places: Vec<Place>,
    is_sound: bool,
    has_escapes: bool,
}

/// Where a value, or an object's key, stands in the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    kind: Kind,
    begin: usize,
    /// Behind its last byte; [`OPEN`] until that is known.
    end: usize,
    /// The first place after all that it holds. While that is not known, the place of what it lies in itself.
    after: usize,
}

const OPEN: usize = 0;

/// No place: what the whole document lies in.
const OUTSIDE: usize = usize::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    /// A string that means what stands between its quotation marks.
    Text,
    /// A string with escapes in it.
    Escaped,
    Null,
    /// A number or a truth value.
    Other,
}

/// A value as it was written, in its document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    document: &'a Document<'a>,
    place: usize,
}

/// Which value of its document it is, for whoever notes much about values and does not borrow the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot(usize);

impl<'a> Document<'a> {
    /// Goes through the text. It is sound exactly where `serde_json` takes it.
    pub(super) fn read(text: &'a str) -> Self {
        let mut reader = Reader::of(text);
        let is_sound = reader.go_through().is_some();
        Self {
            text,
            is_sound,
            places: reader.places,
            has_escapes: reader.has_escapes,
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Whether any string, or key, is written with an escape.
    pub(super) fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    /// The value that the document is; where it is not sound, what there is of it.
    pub(super) fn whole(&'a self) -> Option<Raw<'a>> {
        self.raw(0)
    }

    fn raw(&'a self, place: usize) -> Option<Raw<'a>> {
        (place < self.places.len()).then_some(Raw {
            document: self,
            place,
        })
    }
}

impl<'a> Raw<'a> {
    fn place(self) -> Place {
        self.document.places[self.place]
    }

    pub(super) fn spot(self) -> Spot {
        Spot(self.place)
    }

    /// The text of the value.
    pub(super) fn get(self) -> &'a str {
        let Place { begin, end, .. } = self.place();
        self.document.text.get(begin..end).unwrap_or_default()
    }

    pub(super) fn is_null(self) -> bool {
        self.place().kind == Kind::Null
    }

    /// The string that it is; `None` where it is something else, or half of a surrogate pair stands in it.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.place().kind {
            Kind::Text => {
                let Place { begin, end, .. } = self.place();
                self.document.text.get(begin + 1..end - 1).map(Cow::Borrowed)
            }
            Kind::Escaped => serde_json::from_str(self.get()).ok().map(Cow::Owned),
            Kind::Object | Kind::Array | Kind::Null | Kind::Other => None,
        }
    }

    /// Its elements; `None` where it is no array.
    pub(super) fn elements(self) -> Option<impl Iterator<Item = Raw<'a>>> {
        (self.place().kind == Kind::Array).then(|| self.inside())
    }

    /// An object's keys and values by turns, as far as they are whole; `None` where it is no object.
    pub(super) fn members(self) -> Option<impl Iterator<Item = (Raw<'a>, Raw<'a>)>> {
        (self.place().kind == Kind::Object).then(|| {
            let mut inside = self.inside();
            std::iter::from_fn(move || Some((inside.next()?, inside.next()?)))
        })
    }

    fn inside(self) -> impl Iterator<Item = Raw<'a>> {
        let Self { document, place } = self;
        let end = match document.places[place] {
            Place { end: OPEN, .. } => document.places.len(),
            Place { after, .. } => after,
        };
        let mut next = place + 1;
        std::iter::from_fn(move || {
            let whole = |place: &Place| place.end != OPEN;
            let raw = document
                .raw(next)
                .filter(|raw| next < end && whole(&raw.place()))?;
            next = raw.place().after;
            Some(raw)
        })
    }
}

/// Absent and null are the same for every key but a reading's value.
pub(super) fn present(raw: Option<Raw<'_>>) -> Option<Raw<'_>> {
    raw.filter(|raw| !raw.is_null())
}
