//! One way through the text, byte by byte, without recursion: what opens is noted, and closed by the place that it was given.

use super::{Kind, OPEN, OUTSIDE, Place};

/// Whoever goes through a text, and what there was of it up to here.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// The place of the object or array that is being read.
    inside: usize,
    pub(super) places: Vec<Place>,
    pub(super) has_escapes: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            inside: OUTSIDE,
            // In sessions as units send them there is a value or a key in every eight bytes; a list of commas has one in two.
            places: Vec::with_capacity(text.len() / 8 + 4),
            has_escapes: false,
        }
    }
}

/// `None`, everywhere here: this is no JSON.
impl Reader<'_> {
    pub(super) fn go_through(&mut self) -> Option<()> {
        self.space();
        loop {
            if !self.value()? {
                continue;
            }
            // It may be the last of several that end with it.
            while !self.goes_on()? {
                if self.inside == OUTSIDE {
                    self.space();
                    return (self.at == self.text.len()).then_some(());
                }
            }
        }
    }

    /// A value that is due; whether it is whole. If not, it holds others, and the first of them is due.
    fn value(&mut self) -> Option<bool> {
        let begin = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => self.string()?,
            b'n' => self.word(b"null", Kind::Null)?,
            b't' => self.word(b"true", Kind::Other)?,
            b'f' => self.word(b"false", Kind::Other)?,
            _ => self.number()?,
        };
        if !matches!(kind, Kind::Object | Kind::Array) {
            self.whole(kind, begin);
            return Some(true);
        }
        self.at += 1;
        let after = std::mem::replace(&mut self.inside, self.places.len());
        self.places.push(Place {
            kind,
            begin,
            end: OPEN,
            after,
        });
        self.space();
        match (kind, self.peek()?) {
            (Kind::Object, b'}') | (Kind::Array, b']') => {
                self.close();
                Some(true)
            }
            (Kind::Object, _) => self.key().map(|()| false),
            _ => Some(false),
        }
    }

    /// After a value: whether another is due. If not, what it lies in is whole as well, or there is nothing more.
    fn goes_on(&mut self) -> Option<bool> {
        if self.inside == OUTSIDE {
            return Some(false);
        }
        self.space();
        match (self.places[self.inside].kind, self.peek()?) {
            (kind, b',') => {
                self.at += 1;
                self.space();
                if kind == Kind::Object {
                    self.key()?;
                }
                Some(true)
            }
            (Kind::Object, b'}') | (Kind::Array, b']') => {
                self.close();
                Some(false)
            }
            _ => None,
        }
    }

    /// The end of the object or array that is being read.
    fn close(&mut self) {
        self.at += 1;
        let (end, after) = (self.at, self.places.len());
        let closed = &mut self.places[self.inside];
        closed.end = end;
        self.inside = std::mem::replace(&mut closed.after, after);
    }

    fn key(&mut self) -> Option<()> {
        let begin = self.at;
        let kind = self.string()?;
        self.whole(kind, begin);
        self.space();
        (self.peek()? == b':').then(|| self.at += 1)?;
        self.space();
        Some(())
    }

    fn whole(&mut self, kind: Kind, begin: usize) {
        let (end, after) = (self.at, self.places.len() + 1);
        self.places.push(Place {
            kind,
            begin,
            end,
            after,
        });
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Option<Kind> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            kind
        })
    }

    fn string(&mut self) -> Option<Kind> {
        let mut kind = Kind::Text;
        (self.peek()? == b'"').then(|| self.at += 1)?;
        loop {
            self.at += plain(self.text.get(self.at..)?);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(kind);
                }
                b'\\' => {
                    (kind, self.has_escapes) = (Kind::Escaped, true);
                    self.escape()?;
                }
                // A control character has to be escaped.
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let length = match self.text.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.text.get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
            }
            _ => return None,
        };
        self.at += length;
        Some(())
    }

    fn number(&mut self) -> Option<Kind> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        // Of `01` the nought is read, and then the one is no way to go on.
        Some(Kind::Other)
    }

    /// One at least.
    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > begin).then_some(())
    }
}

/// How many bytes stand before the first quotation mark, backslash or control character. Eight at a time.
fn plain(text: &[u8]) -> usize {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest byte for which it is set is right; above it there may be others for which it is not.
    let below = |eight: u64, bound: u64| eight.wrapping_sub(LOW * bound) & !eight & HIGH;
    let (eights, rest) = text.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let found = below(eight, 0x20)
            | below(eight ^ (LOW * u64::from(b'"')), 1)
            | below(eight ^ (LOW * u64::from(b'\\')), 1);
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let before = eights.len() * 8;
    let special = |byte: &u8| *byte < 0x20 || matches!(*byte, b'"' | b'\\');
    before + rest.iter().position(special).unwrap_or(rest.len())
}
